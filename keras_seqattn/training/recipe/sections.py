"""The sections of a recipe that say which model and which data.

A recipe is read before Keras is imported. So the names of sizes and parts stand here once more, and
what builds models is imported where one is built.
"""

import typing

import pydantic

from keras_seqattn.data.augment import AUGMENTATIONS, MIXING
from keras_seqattn.errors import explain
from keras_seqattn.training.recipe.fields import (
    Dtype,
    ModelSection,
    NotNegative,
    OneOf,
    Section,
    Share,
    Sides,
)

if typing.TYPE_CHECKING:
    import keras

ViTSize: typing.TypeAlias = typing.Literal["nano", "tiny", "small", "base", "large", "huge"]
Again: typing.TypeAlias = typing.Literal["blocks", "products", "attention"]


class ViTSection(ModelSection):
    """Which model: the arguments of `models.vit`, but for the classes, which the data tell.

    With `rematerialise` activations are computed again for the gradient in place of being kept.
    Large batches and long sequences then take less memory and more time:

    - `true` or `blocks`: all but the inputs of the blocks. It saves most and costs a third more
      products.
    - `products`: all but what the dense layers make, on JAX alone.
    - `attention`: what stands between the projections of attention. On TPUs it saves nothing, since
      the kernel there keeps no scores.

    On TensorFlow dropout must be 0, since the second computation would draw its masks anew.
    """

    IN_CARD = frozenset({"size", "image_shape"})

    architecture: typing.Literal["vit"] = "vit"
    size: ViTSize
    patch_size: pydantic.PositiveInt = 16
    stem: typing.Literal["patch", "conv", "shifted", "resnet", "normed"] = "patch"
    image_shape: Sides
    pooling: typing.Literal["token", "mean", "map"] = "token"
    position: typing.Literal["learned", "sinusoidal", "none"] = "learned"
    dropout: Share = 0.0
    attention_dropout: Share = 0.0
    drop_path: Share = 0.0
    num_layers: pydantic.PositiveInt | None = None
    num_heads: pydantic.PositiveInt | None = None
    embed_dim: pydantic.PositiveInt | None = None
    mlp_dim: pydantic.PositiveInt | None = None
    num_registers: pydantic.NonNegativeInt = 0
    layer_scale: pydantic.PositiveFloat | None = None
    locality: bool = False
    dtype: Dtype = "float32"
    rematerialise: bool | Again = False

    def build(self, num_outputs: int, seed: int | None = None, **others: typing.Any
              ) -> "keras.Model":
        from keras_seqattn import models

        arguments = self.model_dump(exclude={"architecture", "rematerialise"})
        model = models.vit(**arguments, num_classes=num_outputs, name=self.architecture, seed=seed,
                           **others)
        if self.rematerialise:
            from keras_seqattn.training.tasks.rematerialisation import rematerialise

            rematerialise(model, "blocks" if self.rematerialise is True else self.rematerialise)
        return model


class BiTSection(ModelSection):
    """Which model: the arguments of `models.bit`, but for the classes, which the data tell."""

    IN_CARD = frozenset({"size", "image_shape"})

    architecture: typing.Literal["bit"]
    size: typing.Literal["r50x1", "r50x3", "r101x1", "r101x3", "r152x2", "r152x4"]
    image_shape: Sides
    num_layers: typing.Annotated[tuple[pydantic.PositiveInt, ...],
                                 pydantic.Field(min_length=1)] | None = None
    width: pydantic.PositiveInt | None = None
    num_groups: pydantic.PositiveInt = 32
    dtype: Dtype = "float32"

    def build(self, num_outputs: int, seed: int | None = None, **others: typing.Any
              ) -> "keras.Model":
        from keras_seqattn import models

        # A BiT has no dropout that a seed would draw.
        return models.bit(**self.model_dump(exclude={"architecture"}), num_classes=num_outputs,
                          name=self.architecture, **others)


class TrainedSection(ModelSection):
    """Which trained model goes on learning, and at which image size.

    `weights` is as for `models.load`, and `sha256` the hash that the weights must have, if given.
    The head is new and starts at zero (Dosovitskiy et al. 2021, appendix B.1.1).
    """

    IN_CARD = frozenset({"weights", "sha256", "image_shape"})

    architecture: typing.Literal["trained"]
    weights: str
    sha256: str | None = None
    image_shape: Sides
    rematerialise: bool | Again = False

    def build(self, num_outputs: int, seed: int | None = None, **others: typing.Any
              ) -> "keras.Model":
        if others:
            raise ValueError(explain(
                "a trained model standardises its images as it has learned to",
                architecture=self.architecture, given=sorted(others),
                fix="leave `data.standardise` and `train.start` out"))
        from keras_seqattn import models
        from keras_seqattn.training.tasks import transfer

        trained = models.load(self.weights, self.sha256)
        model = transfer.with_head(transfer.at_size(trained, self.image_shape), num_outputs)
        if self.rematerialise:
            from keras_seqattn.training.tasks.rematerialisation import rematerialise

            rematerialise(model, "blocks" if self.rematerialise is True else self.rematerialise)
        return model


class ImageSection(Section):
    """Which images: a source, the share of its train split kept for validation, augmentation.

    - With `standardise` the model brings each channel to mean 0 and deviation 1 over the training
      images by itself. What enters the model stays in `[-1, 1]`.
    - `validation: split` takes the source's own validation split.
    - `split: train+validation` trains on the validation split too.
    """

    source: str
    split: typing.Literal["train", "train+validation"] = "train"
    standardise: bool = False
    validation: Share | typing.Literal["split"] = 0.1
    augment: tuple[typing.Annotated[str, OneOf(AUGMENTATIONS)], ...] = ()


class TransformerSection(ModelSection):
    """Which model: the arguments of `models.transformer`, but for the vocabulary."""

    architecture: typing.Literal["transformer"]
    size: typing.Literal["nano", "tiny", "base", "big"]
    max_length: pydantic.PositiveInt = 128
    num_layers: pydantic.PositiveInt | None = None
    num_decoder_layers: pydantic.PositiveInt | None = None
    num_heads: pydantic.PositiveInt | None = None
    embed_dim: pydantic.PositiveInt | None = None
    mlp_dim: pydantic.PositiveInt | None = None
    norm: typing.Literal["pre", "post"] = "pre"
    activation: str = "relu"
    dropout: Share = 0.1
    attention_dropout: Share = 0.0

    def build(self, num_outputs: int, seed: int | None = None, **others: typing.Any
              ) -> "keras.Model":
        from keras_seqattn import models

        return models.transformer(**self.model_dump(exclude={"architecture"}),
                                  vocab_size=num_outputs, seed=seed, **others)


class Seq2SeqSection(ModelSection):
    """Which model: the arguments of `models.seq2seq`, but for the vocabulary."""

    architecture: typing.Literal["seq2seq"]
    max_length: pydantic.PositiveInt = 128
    embed_dim: pydantic.PositiveInt = 256
    units: pydantic.PositiveInt = 512
    num_layers: pydantic.PositiveInt = 1
    dropout: Share = 0.1

    def build(self, num_outputs: int, seed: int | None = None, **others: typing.Any
              ) -> "keras.Model":
        from keras_seqattn import models

        return models.seq2seq(**self.model_dump(exclude={"architecture"}),
                              vocab_size=num_outputs, seed=seed, **others)


class CaptionerSection(ModelSection):
    """Which model: the arguments of `models.captioner`, but for the vocabulary."""

    IN_CARD = frozenset({"architecture", "encoder", "image_shape"})

    architecture: typing.Literal["captioner"]
    encoder: typing.Literal["conv"] | ViTSize = "conv"
    image_shape: Sides
    patch_size: pydantic.PositiveInt = 16
    max_length: pydantic.PositiveInt = 24
    embed_dim: pydantic.PositiveInt = 256
    units: pydantic.PositiveInt = 512
    attention: bool = True
    attention_dim: pydantic.PositiveInt | None = None
    dropout: Share = 0.0
    attention_penalty: NotNegative = 0.0
    scheduled_sampling: Share = 0.0

    def build(self, num_outputs: int, seed: int | None = None, **others: typing.Any
              ) -> "keras.Model":
        from keras_seqattn import models

        return models.captioner(**self.model_dump(exclude={"architecture"}),
                                vocab_size=num_outputs, seed=seed, **others)


class CaptionSection(Section):
    """Which captioned pictures: a source and the largest vocabulary; each picture is augmented."""

    source: str
    vocab_size: pydantic.PositiveInt = 10_000
    augment: tuple[typing.Annotated[str, OneOf(
        [name for name in AUGMENTATIONS if name not in MIXING])], ...] = ()


class PairSection(Section):
    """Which pairs of sentences: a source, and the largest vocabulary learned from its train split.

    With `words` tokens are whole words, otherwise sub-words.
    """

    source: str
    vocab_size: pydantic.PositiveInt = 4000
    words: bool = False
