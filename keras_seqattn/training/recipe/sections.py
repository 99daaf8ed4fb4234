"""The sections of a recipe that say which model and which data."""

import typing

import pydantic

from keras_seqattn import models
from keras_seqattn.data.augment import AUGMENTATIONS, MIXING
from keras_seqattn.models.big_transfer import SIZES as BIT_SIZES
from keras_seqattn.models.encoder_decoder import SIZES as TRANSFORMER_SIZES
from keras_seqattn.models.vision_transformer import POSITIONS, SIZES, STEMS
from keras_seqattn.training.tasks import transfer

Share = typing.Annotated[float, pydantic.Field(ge=0, lt=1)]


class Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class ViTSection(Section):
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
    pooling: typing.Literal["token", "mean", "map"] = "token"
    position: typing.Literal[POSITIONS] = "learned"
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
    dtype: typing.Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    rematerialise: bool = False

    def build(self, num_classes, **others):
        """Builds the model with fresh weights."""
        arguments = self.model_dump(exclude={"architecture", "rematerialise"})
        return models.vit(
            **arguments, num_classes=num_classes, name=self.architecture, **others)


class BiTSection(Section):
    """Which model: the arguments of `models.bit`, but for the classes, which the data tells."""

    architecture: typing.Literal["bit"]
    size: typing.Literal[tuple(BIT_SIZES)]
    image_shape: tuple[pydantic.PositiveInt, pydantic.PositiveInt, pydantic.PositiveInt]
    num_layers: typing.Annotated[tuple[pydantic.PositiveInt, ...],
                                 pydantic.Field(min_length=1)] | None = None
    width: pydantic.PositiveInt | None = None
    num_groups: pydantic.PositiveInt = 32
    dtype: typing.Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"

    def build(self, num_classes, seed=None, **others):
        """Builds the model with fresh weights; it has no dropout that a seed would draw."""
        return models.bit(**self.model_dump(exclude={"architecture"}), num_classes=num_classes,
                          name=self.architecture, **others)


class TrainedSection(Section):
    """Which trained model goes on learning, at which image size, with a head of its own that starts
    at zero (Dosovitskiy et al. 2021, appendix B.1.1).

    `weights` is as for `models.load`, and `sha256` the hash that it must have, if given.
    """

    architecture: typing.Literal["trained"]
    weights: str
    sha256: str | None = None
    image_shape: tuple[pydantic.PositiveInt, pydantic.PositiveInt, pydantic.PositiveInt]
    rematerialise: bool = False

    def build(self, num_classes, seed=None):
        """Builds the model from its weights."""
        trained = models.load(self.weights, self.sha256)
        return transfer.with_head(transfer.at_size(trained, self.image_shape), num_classes)


class ImageSection(Section):
    """Which images: a source, the share of its train split kept for validation, augmentation.

    With `standardise` the model brings each channel to mean 0 and deviation 1 over the training
    images by itself; what enters it stays in `[-1, 1]`. `validation: split` takes the source's own
    validation split, `split: train+validation` trains on that too.
    """

    source: str
    split: typing.Literal["train", "train+validation"] = "train"
    standardise: bool = False
    validation: Share | typing.Literal["split"] = 0.1
    augment: tuple[typing.Literal[tuple(AUGMENTATIONS)], ...] = ()


class TransformerSection(Section):
    """Which model: the arguments of `models.transformer`, but for the vocabulary."""

    architecture: typing.Literal["transformer"]
    size: typing.Literal[tuple(TRANSFORMER_SIZES)]
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

    def build(self, vocab_size, **others):
        """Builds the model with fresh weights."""
        return models.transformer(**self.model_dump(exclude={"architecture"}),
                                  vocab_size=vocab_size, **others)


class Seq2SeqSection(Section):
    """Which model: the arguments of `models.seq2seq`, but for the vocabulary."""

    architecture: typing.Literal["seq2seq"]
    max_length: pydantic.PositiveInt = 128
    embed_dim: pydantic.PositiveInt = 256
    units: pydantic.PositiveInt = 512
    num_layers: pydantic.PositiveInt = 1
    dropout: Share = 0.1

    def build(self, vocab_size, **others):
        """Builds the model with fresh weights."""
        return models.seq2seq(**self.model_dump(exclude={"architecture"}),
                              vocab_size=vocab_size, **others)


class CaptionerSection(Section):
    """Which model: the arguments of `models.captioner`, but for the vocabulary."""

    architecture: typing.Literal["captioner"]
    encoder: typing.Literal[("conv", *SIZES)] = "conv"
    image_shape: tuple[pydantic.PositiveInt, pydantic.PositiveInt, pydantic.PositiveInt]
    patch_size: pydantic.PositiveInt = 16
    max_length: pydantic.PositiveInt = 24
    embed_dim: pydantic.PositiveInt = 256
    units: pydantic.PositiveInt = 512
    attention: bool = True
    attention_dim: pydantic.PositiveInt | None = None
    dropout: Share = 0.0
    attention_penalty: typing.Annotated[float, pydantic.Field(ge=0)] = 0.0
    scheduled_sampling: Share = 0.0

    def build(self, vocab_size, **others):
        """Builds the model with fresh weights."""
        return models.captioner(**self.model_dump(exclude={"architecture"}),
                                vocab_size=vocab_size, **others)


class CaptionSection(Section):
    """Which captioned pictures: a source, the largest vocabulary, augmentation of each picture."""

    source: str
    vocab_size: pydantic.PositiveInt = 10_000
    augment: tuple[typing.Literal[tuple(
        name for name in AUGMENTATIONS if name not in MIXING)], ...] = ()


class PairSection(Section):
    """Which pairs of sentences: a source, and the largest vocabulary learned from its train split.

    With `words` tokens are whole words, otherwise sub-words.
    """

    source: str
    vocab_size: pydantic.PositiveInt = 4000
    words: bool = False
