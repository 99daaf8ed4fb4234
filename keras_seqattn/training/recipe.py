"""Recipes: what to train, on what and how, as data (YAML) that is checked before anything runs."""

import pathlib
import typing

import pydantic
import yaml

from keras_seqattn import models
from keras_seqattn.data.augment import AUGMENTATIONS
from keras_seqattn.errors import explain, nearest
from keras_seqattn.models.vit import POOLINGS, POSITIONS, SIZES, STEMS

FOLDER = pathlib.Path(__file__).parent / "recipes"
Share = typing.Annotated[float, pydantic.Field(ge=0, lt=1)]
Positive = typing.Annotated[float, pydantic.Field(gt=0)]


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class ModelSection(_Section):
    """Which model: the arguments of `models.vit`, but for the classes, which the data tells.

    `rematerialise` computes activations again for the gradient in place of keeping them: less
    memory for long sequences, about a third more time. It goes without dropout, whose masks the
    second computation would draw anew.
    """

    architecture: typing.Literal["vit"] = "vit"
    size: typing.Literal[tuple(SIZES)]
    patch_size: pydantic.PositiveInt = 16
    stem: typing.Literal[tuple(STEMS)] = "patch"
    image_shape: tuple[pydantic.PositiveInt, pydantic.PositiveInt, pydantic.PositiveInt]
    pooling: typing.Literal[POOLINGS] = "token"
    position: typing.Literal[POSITIONS] = "learned"
    dropout: Share = 0.0
    attention_dropout: Share = 0.0
    drop_path: Share = 0.0
    num_layers: pydantic.PositiveInt | None = None
    num_heads: pydantic.PositiveInt | None = None
    embed_dim: pydantic.PositiveInt | None = None
    mlp_dim: pydantic.PositiveInt | None = None
    dtype: typing.Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    rematerialise: bool = False

    def build(self, num_classes, **others):
        """Builds the model with fresh weights."""
        arguments = self.model_dump(exclude={"architecture", "rematerialise"})
        return models.vit(
            **arguments, num_classes=num_classes, name=self.architecture, **others)


class DataSection(_Section):
    """Which data: a source, the share of its train split kept for validation, augmentation.

    With `standardise` the model brings each channel to mean 0 and deviation 1 over the training
    images by itself; what enters it stays in `[-1, 1]`. `validation: split` takes the source's own
    validation split.
    """

    source: str
    standardise: bool = False
    validation: Share | typing.Literal["split"] = 0.1
    augment: tuple[typing.Literal[tuple(AUGMENTATIONS)], ...] = ()


class TrainSection(_Section):
    """How to train: AdamW, warm-up, then half a cosine to zero (Loshchilov & Hutter 2017, 2019).

    Attributes:
        epochs: Number of epochs.
        batch_size: Examples per step, over all devices.
        learning_rate: Its peak, per step.
        warmup: Share of all steps during which it rises.
        beta_2: Momentum of the squared gradients.
        weight_decay: Share of a matrix lost per step at learning rate 1.
        label_smoothing: Share of a label spread over all classes.
        clip_norm: Largest norm of each weight's gradient, or null.
        accumulate: Steps whose gradients are averaged for one update, or null.
        average: Momentum of the averages of the weights (EMA) that are validated and saved, or
            null.
        start: Model to start from, as for `models.load`, or null for fresh weights.
        freeze: Names or shell patterns of layers that do not train.
        lora_rank: Rank of LoRA products in place of training whole blocks, or null.
        layer_decay: Factor of the learning rate from each block to the one before it.
        patience: Epochs without a lower validation loss after which to stop, or null.
        checkpoint_every: Steps between two states on disk; the end of an epoch writes one too.
        xla: Whether to compile the step with XLA; `"auto"` leaves it to Keras.
        seed: Seed of weights, dropout, order, augmentation and split.
    """

    epochs: pydantic.PositiveInt
    batch_size: pydantic.PositiveInt = 64
    learning_rate: Positive = 1e-3
    warmup: Share = 0.1
    beta_2: Share = 0.999
    weight_decay: typing.Annotated[float, pydantic.Field(ge=0)] = 0.05
    label_smoothing: Share = 0.1
    clip_norm: Positive | None = 1.0
    accumulate: typing.Annotated[int, pydantic.Field(ge=2)] | None = None
    average: Share | None = None
    start: str | None = None
    freeze: tuple[str, ...] = ()
    lora_rank: pydantic.PositiveInt | None = None
    layer_decay: typing.Annotated[float, pydantic.Field(gt=0, le=1)] = 1.0
    patience: pydantic.PositiveInt | None = None
    checkpoint_every: pydantic.PositiveInt = 200
    xla: typing.Literal["auto"] | bool = "auto"
    seed: typing.Annotated[int, pydantic.Field(ge=0)] = 0


class Recipe(_Section):
    """A whole training run as data.

    Attributes:
        model: `ModelSection`.
        data: `DataSection`.
        train: `TrainSection`.
    """

    model: ModelSection
    data: DataSection
    train: TrainSection


def read(recipe, overrides=()):
    """Reads a recipe and checks every field.

    Args:
        recipe: Name of a recipe that comes with the project, or path of a YAML file.
        overrides: Texts `section.field=value` that replace values of the file; the value is YAML.

    Returns:
        `Recipe`.

    Raises:
        ValueError: the recipe is not found or is no YAML; a field is unknown or its value wrong.

    >>> read("demo", ["train.epochs=3"]).train.epochs
    3
    """
    fields = _read_yaml(recipe)
    for override in overrides:
        name, equals, value = override.partition("=")
        section, dot, field = name.partition(".")
        if not (equals and dot and isinstance(fields.get(section), dict)):
            raise ValueError(explain(
                "an override must read SECTION.FIELD=VALUE with a section of the recipe",
                override=override, fix=nearest(section, Recipe.model_fields)))
        fields[section][field] = yaml.safe_load(value)
    try:
        return Recipe.model_validate(fields)
    except pydantic.ValidationError as error:
        raise ValueError(_phrase(error.errors()[0], str(recipe))) from None


def _read_yaml(recipe):
    path = pathlib.Path(recipe)
    known = {file.stem: file for file in FOLDER.glob("*.yaml")}
    path = known.get(str(recipe), path)
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(explain(
            "`recipe` must be a known name or a readable YAML file", recipe=str(recipe),
            error=error.strerror, fix=nearest(recipe, known))) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(explain(
            "`recipe` must be valid YAML", recipe=str(recipe),
            error=" ".join(str(error).split()), fix="mend the file")) from error
    if not isinstance(fields, dict):
        raise ValueError(explain(
            "a recipe must have sections", recipe=str(recipe), content=fields,
            fix=f"write the sections {', '.join(Recipe.model_fields)}"))
    return fields


def _phrase(error, recipe):
    """Turns pydantic's first finding into the house's sentence, naming the nearest known field."""
    path = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        section = Recipe.model_fields.get(error["loc"][0])
        known = section.annotation.model_fields if section else Recipe.model_fields
        return explain(f"the field `{path}` is not known", recipe=recipe, field=path,
                       fix=nearest(error["loc"][-1], known))
    if error["type"] == "literal_error" and isinstance(error["input"], str):
        known = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return explain(f"the value of `{path}` is not known", recipe=recipe,
                       value=error["input"], fix=nearest(error["input"], known))
    value = "nothing" if error["type"] == "missing" else error["input"]
    return explain(f"the field `{path}` is wrong: {error['msg'].lower()}", recipe=recipe,
                   value=value, fix=f"change {path}")
