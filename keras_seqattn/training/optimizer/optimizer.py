"""The optimizers: steps that do not depend on how a batch is divided among devices."""

import collections.abc
import contextlib
import typing

import keras
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.shapes import Tensor
from keras_seqattn.training.devices.values import assign
from keras_seqattn.training.optimizer import schedules
from keras_seqattn.training.optimizer.layer_rates import rate_shares
from keras_seqattn.training.optimizer.loss_scale import LossScale, computes_in_float16

# Names of the weights that decay would only harm: they do not multiply features.
UNDECAYED = {"bias", "gamma", "beta", "embeddings", "token"}
ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
Rate: typing.TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


@borrowed.overrides("_apply_weight_decay", "_clip_gradients",
                    *["_all_reduce_sum_gradients"] * ON_TENSORFLOW)
class _Whole(keras.optimizers.Optimizer):
    """Clips, decays and scales whole gradients, and keeps averages beside the weights.

    Under `tf.distribute`, Keras clips each replica's part of the gradient. Here the whole gradient
    is clipped, so that one device and many take the same step.

    Averages of the weights (`use_ema`) stay beside them: training never overwrites the weights
    with their averages.
    """

    def __init__(self, *, clip_norm, clip_all, decayed, shares, **kwargs):
        for name in ("clipnorm", "global_clipnorm"):  # what Keras' own configuration says of both
            kwargs.pop(name, None)
        super().__init__(**kwargs)
        self.clip_norm = clip_norm
        self.clip_all = clip_all
        self.decayed = None if decayed is None else set(decayed)
        self.shares = dict(shares or {})

    def build(self, variables):
        super().build(variables)
        self._paths = [variable.path for variable in variables]

    def _apply_weight_decay(self, variables):
        """Leaves to `update_step` what Keras does ahead of it, at one rate for all weights."""

    def _clip_gradients(self, gradients):
        # On TensorFlow the gradients are whole only after the reduction.
        return gradients if ON_TENSORFLOW else self._clip_together(gradients)

    def _all_reduce_sum_gradients(self, pairs):
        gradients, variables = zip(*super()._all_reduce_sum_gradients(pairs), strict=True)
        return list(zip(self._clip_together(gradients), variables, strict=True))

    def _clip_together(self, gradients):
        if self.clip_all is None:
            return gradients
        gradients = [ops.convert_to_tensor(each) for each in gradients]
        squares = [ops.sum(ops.square(ops.cast(each, "float32"))) for each in gradients]
        factor = self.clip_all / ops.maximum(ops.sqrt(sum(squares)), self.clip_all)
        return [each * ops.cast(factor, each.dtype) for each in gradients]

    def update_step(self, gradient, variable, learning_rate):
        path = self._paths[borrowed.index_of(self, variable)]
        gradient = ops.cast(ops.convert_to_tensor(gradient), variable.dtype)
        learning_rate = ops.cast(learning_rate, variable.dtype) * self.shares.get(path, 1.0)
        if self.clip_norm is not None:
            norm = ops.sqrt(ops.sum(ops.square(gradient)))
            gradient = gradient * (self.clip_norm / ops.maximum(norm, self.clip_norm))
        if self.weight_decay and (self.decayed is None or path in self.decayed):
            self.assign_sub(variable, ops.convert_to_tensor(variable)
                            * (learning_rate * self.weight_decay))
        super().update_step(gradient, variable, learning_rate)

    def finalize_variable_values(self, var_list):
        """Keeps the weights as they are; `averaged` gives the averages to who wants them."""

    def get_config(self):
        return {
            **super().get_config(),
            "clip_norm": self.clip_norm,
            "clip_all": self.clip_all,
            "decayed": None if self.decayed is None else sorted(self.decayed),
            "shares": self.shares,
        }


@keras.saving.register_keras_serializable(package="keras_seqattn")
class AdamW(_Whole, keras.optimizers.AdamW):
    """Keras' AdamW, with clipping, decay and a learning rate for each weight after the reduction.

    Args:
        learning_rate: Float or schedule, per step.
        weight_decay: Share of a decayed weight lost per step at learning rate 1.
        clip_norm: Largest norm of the gradient of each weight. `None` does not clip.
        clip_all: Largest norm of all gradients together. `None` does not clip.
        decayed: Paths of the weights that decay. `None` means all.
        shares: Path of a weight to its share of the learning rate and of the decay. Weights that
            are not named have the share 1.

    Papers:

    - Loshchilov & Hutter 2019, algorithm 2.
    - Layer-wise rates are those of Bao et al. 2022, "BEiT", appendix H.
    - Averages are those of Polyak & Juditsky 1992.
    """

    def __init__(self, learning_rate: Rate = 1e-3, weight_decay: float = 0.0,
                 clip_norm: float | None = None, clip_all: float | None = None,
                 decayed: collections.abc.Iterable[str] | None = None,
                 shares: collections.abc.Mapping[str, float] | None = None, name: str = "adamw",
                 **kwargs: typing.Any):
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, name=name,
                         clip_norm=clip_norm, clip_all=clip_all, decayed=decayed, shares=shares,
                         **kwargs)


class _Momentum(keras.optimizers.SGD):
    """Multiplies the sum of gradients by the learning rate, where Keras sums their products."""

    def update_step(self, gradient, variable, learning_rate):
        total = self.momentums[borrowed.index_of(self, variable)]
        self.assign(total, ops.convert_to_tensor(total) * self.momentum + gradient)
        self.assign_sub(variable, ops.convert_to_tensor(total) * learning_rate)


@keras.saving.register_keras_serializable(package="keras_seqattn")
class SGD(_Whole, _Momentum):
    """Gradient descent with momentum, and the other arguments of `AdamW`.

    The rate multiplies the sum of gradients, as in the code of Dosovitskiy et al. 2021. Keras sums
    gradients that each were multiplied by the rate of their step, which lags behind a schedule.

    Args:
        momentum: Share of the sum of gradients that stays from step to step, in `(0, 1)`.

    >>> weight, optimizer = keras.Variable([0.0]), SGD(0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.apply([ops.ones(1)], [weight])
    >>> float(weight[0])
    -1.25
    """

    def __init__(self, learning_rate: Rate = 1e-2, momentum: float = 0.9,
                 weight_decay: float = 0.0, clip_norm: float | None = None,
                 clip_all: float | None = None,
                 decayed: collections.abc.Iterable[str] | None = None,
                 shares: collections.abc.Mapping[str, float] | None = None, name: str = "sgd",
                 **kwargs: typing.Any):
        super().__init__(learning_rate=learning_rate, momentum=momentum,
                         weight_decay=weight_decay, name=name, clip_norm=clip_norm,
                         clip_all=clip_all, decayed=decayed, shares=shares, **kwargs)


OPTIMIZERS: dict[str, type[AdamW] | type[SGD]] = {"adamw": AdamW, "sgd": SGD}


def make(model: keras.Model, settings: typing.Any, num_steps: int) -> AdamW | SGD | LossScale:
    """Makes the optimizer of a recipe.

    Args:
        model: `keras.Model`.
        settings: The recipe's `TrainSection`.
        num_steps: Steps of the whole training, as for `schedules.make`.

    Returns:
        `AdamW` or `SGD`, under `LossScale` where the model computes in float16.
    """
    own = ({"beta_2": settings.beta_2} if settings.optimizer == "adamw"
           else {"momentum": settings.momentum})
    made = OPTIMIZERS[settings.optimizer](
        learning_rate=schedules.make(settings, num_steps), weight_decay=settings.weight_decay,
        clip_norm=settings.clip_norm, clip_all=settings.clip_all,
        decayed=[w.path for w in model.trainable_weights if w.name not in UNDECAYED],
        shares=rate_shares(model, settings.layer_decay),
        gradient_accumulation_steps=settings.accumulate,
        use_ema=settings.average is not None, ema_momentum=settings.average or 0.0, **own)
    return LossScale(made) if computes_in_float16(model) else made


@contextlib.contextmanager
def averaged(model: keras.Model) -> collections.abc.Iterator[None]:
    """Puts the averages of the weights in their place as long as the block runs.

    Args:
        model: `keras.Model`, compiled with an optimizer that keeps averages (`use_ema`).
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # under loss scaling
    weights = model.trainable_weights
    own = _values(weights)
    _assign(weights, _values(borrowed.averages_of(optimizer)))
    try:
        yield
    finally:
        _assign(weights, own)


def _values(variables: list[Tensor]) -> list[Tensor]:
    return [ops.convert_to_numpy(variable) for variable in variables]


def _assign(variables: list[Tensor], values: list[Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        assign(variable, value)
