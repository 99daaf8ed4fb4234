"""The examples that a file is tried on, with what the model itself gives for them."""

import dataclasses
import typing

import numpy as np

from keras_seqattn.edge.check.drawn import padded_copies
from keras_seqattn.edge.check.reference import Arrays, Outputs, Reference
from keras_seqattn.errors import explain

TRIES = 3  # draws, until the model gives numbers


@dataclasses.dataclass
class Trial:
    """Examples for which the model gives numbers, if it does so for any.

    Attributes:
        arrays: Arrays `(n, …)` by the names of the file's inputs.
        expected: The model's outputs, `(n, …)`.
        targets: Classes of the first examples, or `None`.
        num_own: How many examples are no padded copies.
        notes: What was left out and what was added, one sentence each.
    """

    arrays: Arrays
    expected: Outputs
    targets: np.ndarray | None
    num_own: int
    notes: list[str]

    def first(self, count: int) -> "Trial":
        """Returns the first examples alone."""
        return Trial({name: each[:count] for name, each in self.arrays.items()},
                     {name: each[:count] for name, each in self.expected.items()},
                     None if self.targets is None else self.targets[:count],
                     min(self.num_own, count), self.notes)


def begin(reference: Reference, inputs: typing.Any, targets: typing.Any, patience: float) -> Trial:
    """Runs the model on examples, and on padded copies of them where it masks.

    Rows of NaN are left out. If there are no others, they stay, so that no file holds.

    Args:
        reference: What the file is held against.
        inputs: Examples of the user, or `None` to draw some.
        targets: Classes of these examples, or `None`.
        patience: Seconds after which the model is given no more examples.

    Returns:
        `Trial`.

    Raises:
        ValueError: there are not as many targets as examples.
    """
    if inputs is None:
        for seed in range(TRIES):
            arrays = reference.drawn(seed)
            trial, keep = _run(reference, arrays, None, patience)
            if keep.any():
                break
        return dataclasses.replace(trial, notes=[] if keep.any() else trial.notes)
    trial, keep = _run(reference, reference.taken(inputs, targets), targets, patience)
    copies = padded_copies(trial.arrays, reference.readings) if keep.any() else None
    if copies is None:
        return trial
    more, keep = _run(reference, copies, None, patience)
    return _joined(trial, more) if keep.any() else trial


def _run(reference, arrays, targets, patience):
    """What the model gives, and which rows are no NaN."""
    targets = None if targets is None else _classes(targets, len(next(iter(arrays.values()))))
    expected = reference.outputs(arrays, patience)
    given, run = (len(next(iter(each.values()))) for each in (arrays, expected))
    keep, notes = np.ones(run, "bool"), []
    for array in expected.values():
        if array.dtype.kind == "f":
            keep &= ~np.isnan(array.reshape(run, -1)).any(axis=1)
    if run < given:
        notes.append(f"of {given} examples {run} were run, since the model takes long")
    if not keep.any():
        notes.append("Keras itself gives NaN for all examples")
    elif not keep.all():
        notes.append(f"{run - keep.sum()} of {run} examples were left out, since Keras itself "
                     "gives NaN for them, as for a row of padding alone")
    left = keep | ~keep.any()
    return Trial({name: each[:run][left] for name, each in arrays.items()},
                 {name: each[left] for name, each in expected.items()},
                 None if targets is None else targets[:run][left], int(left.sum()),
                 notes), keep


def _classes(targets, count):
    """The class of each example, `(n,)`; a column of them is one too."""
    given = np.asarray(targets)
    if len(given) != count:
        raise ValueError(explain(
            "`targets` must have a class for each example", targets=len(given), examples=count,
            fix="pass as many of both"))
    classes = given[:, 0] if given.shape[1:] == (1,) else given
    if classes.ndim != 1 or classes.dtype.kind not in "biuf" or (classes % 1 != 0).any() or (
            classes < 0).any():
        raise ValueError(explain(
            "`targets` must be the number of a class for each example", shape=given.shape,
            dtype=given.dtype.name, fix="pass whole numbers from 0, (n,); of one-hot rows their "
            "argmax(axis=-1)"))
    return classes.astype("int64")


def _joined(trial, copies):
    """A trial with padded copies behind its examples."""
    note = (f"the model masks, so {copies.num_own} examples were tried once more with padding "
            "behind some positions")
    return dataclasses.replace(
        trial, notes=[*trial.notes, note],
        arrays={name: np.concatenate([each, copies.arrays[name]])
                for name, each in trial.arrays.items()},
        expected={name: np.concatenate([each, copies.expected[name]])
                  for name, each in trial.expected.items()})
