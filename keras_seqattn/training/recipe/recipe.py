"""Recipes: what to train, on what and how, as data (YAML) that is checked before anything runs."""

import pathlib
import typing

import pydantic
import yaml

from keras_seqattn.errors import explain, nearest
from keras_seqattn.training.recipe import sections, train_section

FOLDER = pathlib.Path(__file__).parent / "recipes"

class Recipe(sections.Section):
    """A whole training run as data.

    Attributes:
        model: `sections.ViTSection`.
        data: `sections.ImageSection`.
        train: `train_section.TrainSection`.
    """

    model: sections.ViTSection
    data: sections.ImageSection
    train: train_section.TrainSection


class FineTuningRecipe(Recipe):
    """A training run of a model that was trained before, whatever it is built of.

    Attributes:
        model: `sections.TrainedSection`.
        data: `sections.ImageSection`.
        train: `train_section.TrainSection`.
    """

    model: sections.TrainedSection


class BiTRecipe(Recipe):
    """A training run of a residual network.

    Attributes:
        model: `sections.BiTSection`.
        data: `sections.ImageSection`.
        train: `train_section.TrainSection`.
    """

    model: sections.BiTSection


class TranslationRecipe(Recipe):
    """A training run of a model from sentences to sentences.

    Attributes:
        model: `sections.TransformerSection` or `sections.Seq2SeqSection`.
        data: `sections.PairSection`.
        train: `train_section.TrainSection`.
    """

    model: typing.Annotated[sections.TransformerSection | sections.Seq2SeqSection,
                            pydantic.Field(discriminator="architecture")]
    data: sections.PairSection


class CaptioningRecipe(Recipe):
    """A training run of a model from pictures to captions.

    Attributes:
        model: `sections.CaptionerSection`.
        data: `sections.CaptionSection`.
        train: `train_section.TrainSection`.
    """

    model: sections.CaptionerSection
    data: sections.CaptionSection


# architecture: what a recipe of it looks like
RECIPES = {"vit": Recipe, "bit": BiTRecipe, "trained": FineTuningRecipe,
           "transformer": TranslationRecipe,
           "seq2seq": TranslationRecipe, "captioner": CaptioningRecipe}


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
    model = fields.get("model")
    architecture = model.get("architecture", "vit") if isinstance(model, dict) else "vit"
    if architecture not in RECIPES:
        raise ValueError(explain(
            "the value of `model.architecture` is not known", recipe=str(recipe),
            value=architecture, fix=nearest(architecture, RECIPES)))
    try:
        return RECIPES[architecture].model_validate(fields)
    except pydantic.ValidationError as error:
        raise ValueError(_phrase(
            error.errors()[0], str(recipe), RECIPES[architecture].model_fields)) from None


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


def _phrase(error, recipe, sections):
    """Turns pydantic's first finding into the house's sentence, naming the nearest known field."""
    place = [each for each in error["loc"] if each not in RECIPES]  # a union's member is named too
    path = ".".join(map(str, place))
    if error["type"] == "extra_forbidden":
        known = _known_fields(sections, error["loc"])
        return explain(f"the field `{path}` is not known", recipe=recipe, field=path,
                       fix=nearest(place[-1], known))
    if error["type"] == "literal_error" and isinstance(error["input"], str):
        known = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return explain(f"the value of `{path}` is not known", recipe=recipe,
                       value=error["input"], fix=nearest(error["input"], known))
    value = "nothing" if error["type"] == "missing" else error["input"]
    return explain(f"the field `{path}` is wrong: {error['msg'].lower()}", recipe=recipe,
                   value=value, fix=f"change {path}")


def _known_fields(sections, place):
    """The fields that may stand where pydantic found one that may not."""
    if place[0] not in sections:
        return sections
    kinds = typing.get_args(sections[place[0]].annotation) or (sections[place[0]].annotation,)
    return {name for kind in kinds for name in kind.model_fields}
