"""The section of a recipe that says how to train."""

import typing

import pydantic

from keras_seqattn.training.recipe.fields import NotNegative, Positive, Section, Share


class TrainSection(Section):
    """How to train: with which optimizer, and at which learning rate in which step.

    Papers: Loshchilov & Hutter 2017 (the cosine) and 2019 (AdamW).

    Attributes:
        epochs: Number of epochs.
        steps: Steps of the whole training, or null for one pass over the data in each epoch.
            Where steps are given, each epoch is an equal part of them, whatever the number of
            examples.
        batch_size: Examples per step, over all devices.
        optimizer: `"adamw"`, or `"sgd"` with momentum.
        learning_rate: Peak of the learning rate, per step.
        schedule: How the rate falls after the warm-up:

            - `"cosine"`: to zero at the last step.
            - `"inverse_sqrt"`: with one over the root of the step (Vaswani et al. 2017, section
              5.3).
            - `"staircase"`: to a tenth at each of `drops` (Kolesnikov et al. 2020).
        drops: Shares of all steps after which a staircase falls.
        warmup: Share of all steps during which the rate rises.
        beta_2: Momentum of the squared gradients in AdamW.
        momentum: Momentum of the gradients in SGD.
        weight_decay: Share of a matrix lost per step at learning rate 1.
        label_smoothing: Share of a label spread over all classes.
        clip_norm: Largest norm of each weight's gradient, or null.
        clip_all: Largest norm of all gradients together, or null.
        accumulate: Steps whose gradients are averaged for one update, or null.
        average: Momentum of the averages of the weights (EMA), or null. The averages are then
            what is validated and saved.
        start: Model to start from, as for `models.load`, or null for fresh weights.
        freeze: Names or shell patterns of layers that do not train.
        lora_rank: Rank of LoRA products in place of training whole blocks, or null.
        layer_decay: Factor of the learning rate from each block to the one before it.
        patience: Epochs without a lower validation loss after which to stop, or null.
        checkpoint_every: Steps between two states on disk. The end of an epoch writes one too.
        xla: Whether to compile the step with XLA. `"auto"` leaves that to Keras.
        scan: Whether equal Transformer blocks that follow each other are computed in a loop, on
            JAX. The numbers are the same. Deep models are compiled several times faster. They take
            more memory, unless `model.rematerialise` is set, too.
        seed: Seed of all that is drawn, from the weights to the choice of validation examples.
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
    weight_decay: NotNegative = 0.05
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
    scan: bool = False
    seed: typing.Annotated[int, pydantic.Field(ge=0)] = 0

    @pydantic.field_validator("steps")
    @classmethod
    def _are_divided_by_the_epochs(cls, steps: int | None, fields: pydantic.ValidationInfo
                                   ) -> int | None:
        epochs = fields.data.get("epochs")
        if steps is not None and epochs and steps % epochs:
            raise ValueError(f"divided by the {epochs} epochs")
        return steps
