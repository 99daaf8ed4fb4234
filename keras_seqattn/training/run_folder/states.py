"""States of a training on disk, whole or not at all, from which it goes on exactly."""

import collections.abc
import contextlib
import dataclasses
import json
import os
import pathlib
import typing

import numpy as np

from keras_seqattn.errors import explain
from keras_seqattn.files import output_folder, whole

if typing.TYPE_CHECKING:
    import keras

KEPT = 2
Arrays = dict[str, np.ndarray]
PARTS = ("model", "optimizer", "metrics")


@dataclasses.dataclass
class Position:
    """Where a training stands.

    Attributes:
        epoch: Epochs that are finished, validation included.
        step: Steps done in the epoch that is not finished.
        history: Name of each curve to its values, one per finished epoch.
        best: Epoch of the lowest validation loss so far, counted from 0, and -1 before the first.
        seconds: Time spent training so far.
    """

    epoch: int = 0
    step: int = 0
    history: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    best: int = -1
    seconds: float = 0.0


def gather(model: "keras.Model", parts: collections.abc.Iterable[str] = PARTS) -> Arrays:
    """Copies every number a training depends on out of a compiled, built model.

    Args:
        model: `keras.Model`.
        parts: Which of these:

            - `"model"`: weights, and states of the random generators.
            - `"optimizer"`: moments and averages, step count and loss scale.
            - `"metrics"`: the running metrics of the epoch. Across processes each must take part.

    Returns:
        Name to NumPy array.
    """
    from keras import ops

    return {name: ops.convert_to_numpy(variable) for name, variable in _variables(model, parts)}


def restore(model: "keras.Model", arrays: Arrays, parts: collections.abc.Iterable[str] = PARTS
            ) -> None:
    """Puts the numbers of `gather` back, bit for bit.

    Args:
        model: `keras.Model`, compiled and built.
        arrays: Name to NumPy array.
        parts: Which of them, as for `gather`.

    Raises:
        ValueError: the arrays belong to another model or optimizer.
    """
    from keras_seqattn.training.devices import values

    for name, variable in _variables(model, parts):
        if name not in arrays or arrays[name].shape != tuple(variable.shape):
            raise ValueError(explain(
                "the checkpoint must belong to the same model and optimizer", variable=name,
                shape=tuple(variable.shape),
                stored=arrays[name].shape if name in arrays else "nothing",
                fix="start anew in another folder"))
        values.assign(variable, arrays[name])


def _variables(model: "keras.Model", parts: collections.abc.Iterable[str]
               ) -> "list[tuple[str, keras.Variable]]":
    variables = {"model": model.variables, "optimizer": model.optimizer.variables,
                 "metrics": model.metrics_variables}
    return [(f"{part}/{index}", variable)
            for part in parts for index, variable in enumerate(variables[part])]


def write(folder: os.PathLike | str, position: Position, arrays: Arrays) -> None:
    """Writes a state; the newest `KEPT` states stay.

    The file is an `.npz`, so that every array has a checksum. The file is complete on the disk
    before it gets its name, and only then older states are removed.

    Args:
        folder: Folder of the states.
        position: `Position`.
        arrays: Name to NumPy array.

    Raises:
        ValueError: the disk is full or the folder cannot be written. Older states stay.
    """
    place = output_folder(folder)
    path = place / f"state-{position.epoch:06d}-{position.step:09d}.npz"
    # A damaged table of contents loses what comes last: what every reader misses.
    stored: dict[str, typing.Any] = {
        **arrays, "position": np.array(json.dumps(dataclasses.asdict(position)))}
    try:
        with whole(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **stored)
            file.flush()
            os.fsync(file.fileno())
        _sync(place)
    except OSError as error:
        raise ValueError(explain(
            "the checkpoint must be written; the one before it is still there", file=str(path),
            error=error.strerror or str(error),
            fix="make room or mend the folder, then resume the run")) from error
    keep(place, KEPT)


def keep(folder: os.PathLike | str, count: int) -> None:
    """Removes all states but the newest."""
    for old in files(folder)[count:]:
        old.unlink(missing_ok=True)


def _sync(folder: pathlib.Path) -> None:
    """Makes the new name itself survive a power cut, where the system can."""
    with contextlib.suppress(PermissionError):  # Windows does not open folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def files(folder: os.PathLike | str) -> list[pathlib.Path]:
    """Returns the states in a folder, newest first."""
    return sorted(pathlib.Path(folder).glob("state-*.npz"), reverse=True)


def read(folder: os.PathLike | str) -> tuple[Position | None, Arrays | None, list[str]]:
    """Reads the newest state that is whole.

    Args:
        folder: Folder of the states.

    Returns:
        Three items, of which the first two are `None` if there is no state at all:

        - `Position`.
        - Name to NumPy array.
        - Names of damaged files that were passed over.

    Raises:
        ValueError: there are states, but every one is damaged.
    """
    damaged: list[str] = []
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
            "one checkpoint at least must be whole", folder=str(folder), damaged=damaged,
            fix="start anew in another folder"))
    return None, None, damaged
