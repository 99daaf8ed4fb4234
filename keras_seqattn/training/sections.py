"""The sections of a recipe: which model, which data, how to train."""

import typing

import pydantic

from keras_seqattn import models
from keras_seqattn.data.augment import AUGMENTATIONS, MIXING
from keras_seqattn.models.transformer import SIZES as TRANSFORMER_SIZES
from keras_seqattn.models.vit import POSITIONS, SIZES, STEMS
from keras_seqattn.training import transfer

Share = typing.Annotated[float, pydantic.Field(ge=0, lt=1)]
Positive = typing.Annotated[float, pydantic.Field(gt=0)]


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


class TrainSection(Section):
    """How to train: an optimizer, warm-up, then a falling rate (Loshchilov & Hutter 2017, 2019).

    Attributes:
        epochs: Number of epochs.
        steps: Steps of the whole training, or null for one pass over the data in each epoch.
            With it an epoch is an equal part of the steps, whatever the number of examples.
        batch_size: Examples per step, over all devices.
        optimizer: `"adamw"`, or `"sgd"` with momentum.
        learning_rate: Its peak, per step.
        schedule: How it falls after the warm-up: `"cosine"` to zero at the last step;
            `"inverse_sqrt"`, with one over the root of the step (Vaswani et al. 2017, section
            5.3); `"staircase"`, to a tenth at each of `drops` (Kolesnikov et al. 2020).
        drops: Shares of all steps after which a staircase falls.
        warmup: Share of all steps during which it rises.
        beta_2: Momentum of the squared gradients in AdamW.
        momentum: Momentum of the gradients in SGD.
        weight_decay: Share of a matrix lost per step at learning rate 1.
        label_smoothing: Share of a label spread over all classes.
        clip_norm: Largest norm of each weight's gradient, or null.
        clip_all: Largest norm of all gradients together, or null.
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
    steps: pydantic.PositiveInt | None = None
    batch_size: pydantic.PositiveInt = 64
    optimizer: typing.Literal["adamw", "sgd"] = "adamw"
    learning_rate: Positive = 1e-3
    schedule: typing.Literal["cosine", "inverse_sqrt", "staircase"] = "cosine"
    drops: tuple[Share, ...] = (0.3, 0.6, 0.9)
    warmup: Share = 0.1
    beta_2: Share = 0.999
    momentum: typing.Annotated[float, pydantic.Field(gt=0, lt=1)] = 0.9
    weight_decay: typing.Annotated[float, pydantic.Field(ge=0)] = 0.05
    label_smoothing: Share = 0.1
    clip_norm: Positive | None = 1.0
    clip_all: Positive | None = None
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

    @pydantic.field_validator("steps")
    @classmethod
    def _are_divided_by_the_epochs(cls, steps, fields):
        epochs = fields.data.get("epochs")
        if steps is not None and epochs and steps % epochs:
            raise ValueError(f"the {epochs} epochs must divide it")
        return steps
