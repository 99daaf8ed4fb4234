"""What happens between two steps of `model.fit`: counting, saving and stopping in time."""

import math
import os
import time
import typing

import keras
import numpy as np

from keras_seqattn.errors import explain
from keras_seqattn.training.devices.preemption import Preemption
from keras_seqattn.training.devices.strategy import Strategy
from keras_seqattn.training.run_folder import states


class Steps(keras.callbacks.Callback):
    """Keeps the position of a training, writes its states and stops what went wrong.

    Args:
        position: `states.Position`, which is counted on in place.
        folder: Folder of the states.
        every: Steps between two states.
        steps_per_epoch: Steps of a whole epoch.
        preemption: `Preemption`.
        strategy: `Strategy`; its chief writes.
        metrics: Running metrics of a started epoch, as `gather` names them, or `None`. They are
            put back when the epoch goes on.
    """

    def __init__(self, position: states.Position, folder: os.PathLike | str, every: int,
                 steps_per_epoch: int, preemption: Preemption, strategy: Strategy,
                 metrics: dict[str, np.ndarray] | None):
        super().__init__()
        self._position = position
        self._folder = folder
        self._every = every
        self._steps_per_epoch = steps_per_epoch
        self._preemption = preemption
        self._strategy = strategy
        self._metrics = metrics

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self._metrics is not None and "metrics/0" in self._metrics:  # Keras has just reset them
            states.restore(self.model, self._metrics, ("metrics",))
            self._metrics = None
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, typing.Any]) -> None:
        position = self._position
        position.step += 1
        if not math.isfinite(float(logs["loss"])):
            self._stop_not_finite("loss")
        if self._preemption.asked.is_set():
            self.save(alone=True)
            self._preemption.stop(f"step {position.step} of epoch {position.epoch + 1}")
        if position.step % self._every == 0 and position.step < self._steps_per_epoch:
            self.save()

    def tick(self) -> None:
        """Adds the time since the last call to the position."""
        now = time.perf_counter()
        self._position.seconds += now - self._since
        self._since = now

    def save(self, alone: bool = False) -> None:
        """Writes a state, unless a number in it is not finite.

        Args:
            alone: Whether the other processes do not save now. Then this process writes even if
                it is not the chief, and the running metrics of the epoch are left out.

        Raises:
            ValueError: a weight is not finite, or the state cannot be written.
        """
        self.tick()
        apart = alone and self._strategy.num_workers > 1
        arrays = states.gather(self.model, states.PARTS[:2] if apart else states.PARTS)
        if not all(np.isfinite(array).all() for name, array in arrays.items()
                   if array.dtype.kind == "f" and not name.startswith("metrics/")):
            self._stop_not_finite("weights")
        if self._strategy.is_chief or apart:
            states.write(self._folder, self._position, arrays)

    def _stop_not_finite(self, what: str) -> typing.NoReturn:
        step = self._position.epoch * self._steps_per_epoch + self._position.step
        raise ValueError(explain(
            "loss and weights must stay finite; the last checkpoint, from before, is kept",
            not_finite=what, step=step, epoch=self._position.epoch + 1,
            fix="lower train.learning_rate, raise train.warmup or set train.clip_norm, and start "
                "anew; a resumed run would meet the same step again"))
