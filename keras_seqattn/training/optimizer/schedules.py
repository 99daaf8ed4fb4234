"""How the learning rate changes from step to step."""

import collections.abc
import typing

import keras
from keras import ops

from keras_seqattn.shapes import Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class InverseSqrt(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a line to its peak, then falls with one over the square root of the step.

    Args:
        peak: Learning rate at its highest, per step. The paper's is `(D · warmup_steps)^-0.5`.
        warmup_steps: Steps until then.

    >>> rate = InverseSqrt(0.5, warmup_steps=4)
    >>> [round(float(rate(step)), 3) for step in (1, 3, 15)]
    [0.25, 0.5, 0.25]

    Paper: Vaswani et al. 2017, section 5.3, equation 3.
    """

    def __init__(self, peak: float, warmup_steps: int):
        super().__init__()
        self.peak = peak
        self.warmup_steps = warmup_steps

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32") + 1.0
        warmup_steps = float(max(self.warmup_steps, 1))
        return self.peak * ops.minimum(step / warmup_steps, ops.sqrt(warmup_steps / step))

    def get_config(self) -> dict[str, typing.Any]:
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable(package="keras_seqattn")
class Staircase(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a line to its peak, then falls to a tenth at each of some steps.

    Args:
        peak: Learning rate at its highest, per step.
        warmup_steps: Steps until then.
        drops: Steps from which on it is a tenth of what it was.

    >>> rate = Staircase(0.5, warmup_steps=2, drops=(4, 6))
    >>> [round(float(rate(step)), 4) for step in (0, 1, 2, 3, 4, 6)]
    [0.0, 0.25, 0.5, 0.5, 0.05, 0.005]

    Paper: Kolesnikov et al. 2020, "Big Transfer", section 3.3.
    """

    def __init__(self, peak: float, warmup_steps: int, drops: collections.abc.Iterable[int]):
        super().__init__()
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.drops = tuple(drops)

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32")
        rate = self.peak * ops.minimum(step / float(max(self.warmup_steps, 1)), 1.0)
        if not self.warmup_steps:
            rate = ops.full_like(rate, self.peak)
        for drop in self.drops:
            rate = ops.where(step < drop, rate, rate / 10.0)
        return rate

    def get_config(self) -> dict[str, typing.Any]:
        return {"peak": self.peak, "warmup_steps": self.warmup_steps, "drops": self.drops}


def make(settings: typing.Any, num_steps: int
         ) -> keras.optimizers.schedules.LearningRateSchedule:
    """Makes the schedule of a recipe.

    Args:
        settings: The recipe's `TrainSection`.
        num_steps: Steps of the whole training. The rate rises during their first `warmup` share
            and then falls as `schedule` says.

    Returns:
        `keras.optimizers.schedules.LearningRateSchedule`.
    """
    peak, warmup = settings.learning_rate, int(num_steps * settings.warmup)
    if settings.schedule == "inverse_sqrt":
        return InverseSqrt(peak, warmup)
    if settings.schedule == "staircase":
        return Staircase(peak, warmup, [round(num_steps * share) for share in settings.drops])
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else peak, max(num_steps - warmup, 1),
        warmup_target=peak if warmup else None, warmup_steps=warmup)
