"""A few steps of a training that leave nothing: what the whole of it would read, need and take."""

import math
import pathlib
import statistics
import sys
import time
import typing

import keras
import numpy as np

from keras_seqattn.training.devices.strategy import strategy as choose_devices
from keras_seqattn.training.loop.epochs import Epochs
from keras_seqattn.training.loop.fit import build, load
from keras_seqattn.training.recipe.recipe import AnyRecipe
from keras_seqattn.training.run_folder import states

STEPS = 6   # the first is compiled, the others are timed
MIB = 2 ** 20


def rehearse(recipe: AnyRecipe, strategy: str = "auto", skip_bad: bool = False,
             wait_s: float = 300.0) -> dict[str, typing.Any]:
    """Takes a few steps of a recipe in memory, and measures them.

    Args:
        recipe: `Recipe`.
        strategy: As for `fit`.
        skip_bad: As for `fit`.
        wait_s: As for `fit`.

    Returns:
        Name to value:

        - `training_examples`, `validation_examples`, `left_out`, and `classes`: name to number.
        - `epochs`, `steps_per_epoch` and `steps`.
        - `inputs` and `targets`: shapes of the first batch.
        - `parameters`, and `trained_parameters` of them.
        - `weights_mib`: weights, and what the optimizer keeps beside them, in MiB.
        - `memory_mib`: the most memory that this process or its GPU held, in MiB.
        - `first_step_s`: the first step, with its compilation, in seconds.
        - `step_s`: median of the steps after it.
        - `hours`: all steps together, without validation.

    Raises:
        ValueError: as for `fit`.
    """
    epochs = load(recipe, pathlib.Path(), choose_devices(strategy, wait_s), skip_bad)
    model = build(epochs)
    clock = _Clock()
    with epochs.devices.running():
        model.fit(epochs.devices.feed(epochs.batches), steps_per_epoch=STEPS, epochs=1, verbose=0,
                  shuffle=False, callbacks=[clock])
    return {**_counts(epochs), **_sizes(epochs, model), **clock.times(epochs)}


class _Clock(keras.callbacks.Callback):
    """Times each step."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, typing.Any]) -> None:
        float(logs["loss"])   # waits for the devices
        self._seconds.append(time.perf_counter() - self._since)

    def times(self, epochs: Epochs) -> dict[str, float]:
        first, *others = self._seconds
        step = statistics.median(others)
        steps = epochs.steps_per_epoch * epochs.recipe.train.epochs
        return {"first_step_s": round(first, 3), "step_s": round(step, 4),
                "hours": round(steps * step / 3600, 3)}


def _counts(epochs: Epochs) -> dict[str, typing.Any]:
    seen = epochs.overview()
    return {"training_examples": seen.training, "validation_examples": seen.validation,
            "left_out": seen.skipped, "classes": dict(seen.classes), "epochs": seen.epochs,
            "steps_per_epoch": seen.steps_per_epoch,
            "steps": seen.epochs * seen.steps_per_epoch}


def _sizes(epochs: Epochs, model: keras.Model) -> dict[str, typing.Any]:
    """Shapes of a batch, and bytes of the variables and of the process."""
    inputs, targets, *_ = epochs.batches()[0]
    kept = states.gather(model, ("model", "optimizer"))
    return {
        "inputs": _shapes(inputs), "targets": _shapes(targets),
        "parameters": model.count_params(),
        "trained_parameters": sum(math.prod(each.shape) for each in model.trainable_variables),
        "weights_mib": round(sum(array.nbytes for array in kept.values()) / MIB, 2),
        "memory_mib": round(_peak_bytes() / MIB, 1)}


def _shapes(arrays: typing.Any) -> typing.Any:
    return keras.tree.map_structure(lambda each: "×".join(map(str, np.shape(each))), arrays)


def _peak_bytes() -> int:
    """The most bytes held at once: on the first GPU if there is one, else by this process."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.config.list_physical_devices("GPU"):
            return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    if backend == "jax":
        import jax

        held = jax.local_devices()[0].memory_stats()   # a CPU has none
        if held:
            return held["peak_bytes_in_use"]
    import resource  # of Unix

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
