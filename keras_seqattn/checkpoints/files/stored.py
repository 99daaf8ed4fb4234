"""An array of a file that is read when it is asked for."""

import pathlib
import types
import typing

import numpy as np

from keras_seqattn.checkpoints.files.ahead import Place
from keras_seqattn.errors import explain


class Stored:
    """An array of a file: its shape, and its numbers for `numpy.asarray`.

    Args:
        shape: Its shape.
        read: Function that reads the numbers.
        place: Where they lie in the file, or `None` where they lie otherwise than in memory.

    Attributes:
        shape: Its shape.
        place: Its `Place`, or `None`.
        ahead: Function of this object that gives the array if a thread has read it, or `None`.
    """

    def __init__(self, shape: typing.Iterable[int], read: typing.Callable[[], np.ndarray],
                 place: Place | None = None) -> None:
        self.shape, self.place = tuple(shape), place
        self.ahead: typing.Callable[[Stored], np.ndarray | None] | None = None
        self._read = read

    def __array__(self, dtype: typing.Any = None, copy: bool | None = None) -> np.ndarray:
        array = None if self.ahead is None else self.ahead(self)
        if array is None:  # read here, what is wrong with it is told
            array = self._read()
        return array if dtype is None else array.astype(dtype)


class Opened(typing.NamedTuple):
    """What a file of weights holds.

    Attributes:
        arrays: Dictionary from keys to arrays.
        metadata: Dictionary of the file's own texts.
        tree: Name of the tree in the file that the arrays are, `""` if it has none.
        others: Names of the other trees of weights in the file.
    """

    arrays: dict[str, Stored]
    metadata: typing.Mapping[str, str] = types.MappingProxyType({})
    tree: str = ""
    others: tuple[str, ...] = ()


def damaged(path: pathlib.Path, kind: str, cause: Exception,
            entry: str | None = None) -> ValueError:
    """Returns the error for a file that is not of the kind that its name says.

    Args:
        path: The file.
        kind: The kind, as the end of a sentence.
        cause: What the reader of the kind raised.
        entry: Name of the array inside.
    """
    return ValueError(explain(
        f"the checkpoint must be {kind}", file=str(path),
        **({} if entry is None else {"entry": entry}),
        error=" ".join(str(cause).split())[:200], fix="get the file again, or save it anew"))
