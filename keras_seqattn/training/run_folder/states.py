"""States of a training on disk, whole or not at all, from which it goes on exactly."""

import contextlib
import dataclasses
import json
import os
import pathlib

import numpy as np
from keras import ops

from keras_seqattn.errors import explain
from keras_seqattn.files import output_folder, whole

KEPT = 2
PARTS = ("model", "optimizer", "metrics")


@dataclasses.dataclass
class Position:
    """Where a training stands.

    Attributes:
        epoch: Epochs that are finished, validation included.
        step: Steps done in the epoch that is not.
        history: Name of each curve to its values, one per finished epoch.
        best: Epoch of the lowest validation loss so far, counted from 0; -1 before the first.
        seconds: Time spent training so far.
    """

    epoch: int = 0
    step: int = 0
    history: dict = dataclasses.field(default_factory=dict)
    best: int = -1
    seconds: float = 0.0


def gather(model, parts=PARTS):
    """Copies every number a training depends on out of a compiled, built model.

    Args:
        model: `keras.Model`.
        parts: Which of: `"model"`, its weights and the states of its random generators;
            `"optimizer"`, moments, averages, step count, loss scale; `"metrics"`, the running
            metrics of the epoch, which across processes needs all of them.

    Returns:
        Name to NumPy array.
    """
    return {name: ops.convert_to_numpy(variable) for name, variable in _variables(model, parts)}


def restore(model, arrays, parts=PARTS):
    """Puts the numbers of `gather` back, bit for bit.

    Args:
        model: `keras.Model`, compiled and built.
        arrays: Name to NumPy array.
        parts: Which of them, as for `gather`.

    Raises:
        ValueError: they belong to another model or optimizer.
    """
    for name, variable in _variables(model, parts):
        if name not in arrays or arrays[name].shape != tuple(variable.shape):
            raise ValueError(explain(
                "the checkpoint must belong to the same model and optimizer", variable=name,
                shape=tuple(variable.shape),
                stored=arrays[name].shape if name in arrays else "nothing",
                fix="start anew in another folder"))
        variable.assign(arrays[name])


def _variables(model, parts):
    variables = {"model": model.variables, "optimizer": model.optimizer.variables,
                 "metrics": model.metrics_variables}
    return [(f"{part}/{index}", variable)
            for part in parts for index, variable in enumerate(variables[part])]


def write(folder, position, arrays):
    """Writes a state; the newest `KEPT` stay.

    The file is an `.npz`, so that every array has a checksum. It is complete on the disk before it
    gets its name, and the states before it are removed only then.

    Args:
        folder: Folder of the states.
        position: `Position`.
        arrays: Name to NumPy array.

    Raises:
        ValueError: the disk is full or the folder cannot be written. Older states stay.
    """
    folder = output_folder(folder)
    path = folder / f"state-{position.epoch:06d}-{position.step:09d}.npz"
    text = json.dumps(dataclasses.asdict(position))
    try:
        with whole(path) as temporary, open(temporary, "wb") as file:
            # A damaged table of contents loses what comes last: what every reader misses.
            np.savez(file, **arrays, position=np.array(text))
            file.flush()
            os.fsync(file.fileno())
        _sync(folder)
    except OSError as error:
        raise ValueError(explain(
            "the checkpoint must be written; the one before it is still there", file=str(path),
            error=error.strerror or str(error),
            fix="make room or mend the folder, then go on with --resume")) from error
    for old in files(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def _sync(folder):
    """Makes the new name itself survive a power cut, where the system can."""
    with contextlib.suppress(PermissionError):  # Windows does not open folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def files(folder):
    """The states in a folder, newest first."""
    return sorted(pathlib.Path(folder).glob("state-*.npz"), reverse=True)


def read(folder):
    """Reads the newest state that is whole.

    Args:
        folder: Folder of the states.

    Returns:
        `Position`, arrays, and the names of damaged files that were passed over; `None` in place
        of the first two if there is no state at all.

    Raises:
        ValueError: there are states, but every one is damaged.
    """
    damaged = []
    for path in files(folder):
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            position = Position(**json.loads(str(arrays.pop("position"))))
        except Exception:  # The readers of ZIP, NumPy and JSON raise whatever the damage hits.
            damaged.append(path.name)
            continue
        return position, arrays, damaged
    if damaged:
        raise ValueError(explain(
            "a checkpoint must be whole", folder=str(folder), damaged=damaged,
            fix="start anew without --resume, in another folder"))
    return None, None, damaged
