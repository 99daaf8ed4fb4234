"""The arrays of a checkpoint by key, and what became of each."""

import contextlib
import copy
import dataclasses
import os
import re
import typing

import numpy as np

from keras_seqattn.checkpoints.files.ahead import read_ahead
from keras_seqattn.checkpoints.files.arrays import open_arrays
from keras_seqattn.checkpoints.files.pickled import stored
from keras_seqattn.checkpoints.files.stored import Opened, Stored
from keras_seqattn.checkpoints.files.trees import unwrapped
from keras_seqattn.errors import explain
from keras_seqattn.shapes import Shape


@dataclasses.dataclass
class Report:
    """What became of the arrays of a checkpoint.

    Attributes:
        source: Name of the family, a key of `checkpoints.SOURCES`.
        unused: Keys of arrays that the model has no place for, sorted.
        missing: Keys that such a checkpoint usually has and this one lacks.
        reshaped: Dictionary from the keys of resized arrays to their shapes before and after.
        labels: Names of the classes, or `None` where the checkpoint has none.
        others: Names of further trees of weights in the file, which `weights=` selects.
        assumed: Dictionary from what neither an array nor a configuration tells to the value that
            was taken, which is the project's usual one.
    """

    source: str
    unused: list[str]
    missing: list[str]
    reshaped: dict[str, tuple[Shape, Shape]]
    labels: list[str] | None = None
    others: list[str] = dataclasses.field(default_factory=list)
    assumed: dict[str, typing.Any] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict:
        """Returns the same as a dictionary that JSON can hold."""
        return dataclasses.asdict(self)


class State:
    """The arrays of a checkpoint, each taken under its key and checked for its shape.

    Args:
        source: Path of a file of weights, as for `open_arrays`, or dictionary from keys to arrays.
            Such a dictionary is the `state_dict()` of a PyTorch module.
        weights: Name of the tree of weights in a file that holds several.

    Attributes:
        tree: Name of the tree that the arrays are, `""` if the file has none.
        others: Names of the other trees.
        missing: Keys that were looked for in vain and are not needed.
        reshaped: Dictionary from a key to the shapes of its array before and after resizing.
        unused: Keys of the arrays that `finish` found left, sorted.
        assumed: Dictionary of what `told` had to assume.
        metadata: Dictionary of the texts that a safetensors file holds besides.

    Raises:
        ValueError: the file is missing or cannot be read.
        ImportError: what reads such a file is not installed.
    """

    def __init__(self, source: os.PathLike | str | dict[str, typing.Any],
                 weights: str | None = None) -> None:
        opened = (open_arrays(source, weights) if isinstance(source, (str, os.PathLike)) else
                  Opened({key: stored(array) if hasattr(array, "detach") else array
                          for key, array in source.items()}))
        self._arrays: dict[str, typing.Any] = {
            unwrapped(key): array for key, array in opened.arrays.items()}
        self.metadata, self.tree = dict(opened.metadata), opened.tree
        self.others = list(opened.others)
        self._prefix = ""
        self._taken: set[str] = set()
        self._changed: dict[str, np.ndarray] = {}
        self.missing: list[str] = []
        self.reshaped: dict[str, tuple[Shape, Shape]] = {}
        self.unused: list[str] = []
        self.assumed: dict[str, typing.Any] = {}

    @contextlib.contextmanager
    def ahead(self) -> typing.Iterator[None]:
        """Within it a thread reads the arrays of the file, also those that nobody will take."""
        places = {array: array.place for array in self._arrays.values()
                  if isinstance(array, Stored) and array.place is not None}
        with read_ahead(places) as give:
            for array in places:
                array.ahead = give
            try:
                yield
            finally:
                for array in places:
                    array.ahead = None

    def under(self, prefix: str) -> "State":
        """Returns the arrays whose keys begin with `prefix`, under their keys without it.

        What is taken from them counts as taken here.
        """
        part = copy.copy(self)
        part._prefix += prefix
        return part

    def __contains__(self, key: str) -> bool:
        return self._prefix + key in self._arrays

    def __iter__(self) -> typing.Iterator[str]:
        return (key.removeprefix(self._prefix) for key in self._arrays
                if key.startswith(self._prefix))

    def count(self, prefix: str) -> int:
        """Returns the number of layers in keys such as `prefix` + `"3.weight"`.

        It is the highest index + 1.
        """
        pattern = re.compile(re.escape(self._prefix + prefix) + r"(\d+)")
        found = filter(None, map(pattern.match, self._arrays))
        return max((int(match[1]) + 1 for match in found), default=0)

    def shape(self, key: str, rank: int) -> tuple[int, ...]:
        """Returns the shape of an array, from which sizes are read.

        Args:
            key: Its key.
            rank: Number of axes that it must have.

        Raises:
            ValueError: the key is missing, or the array has another rank.
        """
        shape = tuple(self._find(key).shape)
        if len(shape) != rank:
            raise ValueError(explain(
                f"the array of the checkpoint must have rank {rank}", key=self._prefix + key,
                shape=shape, fix="pass the checkpoint of another module, or another loader"))
        return shape

    def take(self, key: str, *shape: int, layer: str | None = None,
             dtype: str | None = "float32") -> np.ndarray:
        """Returns an array, which then counts as taken.

        Args:
            key: Its key.
            *shape: The shape that it must have.
            layer: Name of the layer that it fills, for the error.
            dtype: What its floats become. `None` takes any array as it is.

        Raises:
            ValueError: the key is missing. Or the array has another shape or is not of floats.
        """
        found = self._find(key)
        told = {"key": self._prefix + key} | ({} if layer is None else {"layer": layer})
        if tuple(found.shape) != tuple(shape):
            raise ValueError(explain(
                "the array of the checkpoint must fit the sizes of the model", **told,
                shape=tuple(found.shape), expected=tuple(shape),
                fix="pass the sizes that the checkpoint was made with"))
        array = np.asarray(found)
        # V is bfloat16, which NumPy takes from ml_dtypes.
        if dtype is not None and array.dtype.kind not in "fV":
            raise ValueError(explain(
                "the weights of the checkpoint must be of floats", **told, dtype=str(array.dtype),
                fix="save them before they are quantised"))
        self._taken.add(self._prefix + key)
        # What a file gave is nobody else's.
        return array.astype(dtype or array.dtype, copy=found is array)

    def read(self, key: str) -> np.ndarray:
        """Returns an array as it is, of any shape. It does not count as taken."""
        return np.asarray(self._find(key))

    def told(self, config: dict, **usual: typing.Any) -> dict:
        """Returns a configuration with the entries that it omits.

        Where there is no configuration, they are assumed, and noted.

        Args:
            config: The configuration.
            **usual: Entries that no array tells, with what the project takes where its
                configuration omits them.
        """
        if not config:
            self.assumed |= usual
        return {**usual, **config}

    def replace(self, key: str, array: np.ndarray) -> None:
        """Puts an array, such as a resized table, in place of another and notes other shapes."""
        before = tuple(self._find(key).shape)
        self._changed[self._prefix + key] = array
        if before != array.shape:
            self.reshaped[self._prefix + key] = (before, tuple(array.shape))

    def finish(self, ignored: str = "(?!)") -> None:
        """Checks that every array was taken.

        Args:
            ignored: Regular expression. An array that was not taken is no error if the pattern
                matches its key. It is then `unused`, as is any array of another prefix.

        Raises:
            ValueError: another array is left.
        """
        left = sorted(set(self._arrays) - self._taken)
        self.unused[:] = [key for key in left if not key.startswith(self._prefix)
                          or re.fullmatch(ignored, key.removeprefix(self._prefix))]
        left = [key for key in left if key not in self.unused]
        if left:
            raise ValueError(explain(
                "every array of the checkpoint must have a place in the model", keys=left[:5],
                number=len(left), fix="use the loader of the module that wrote them; a part that "
                "it alone knows is not built here"))

    def report(self, source: str, labels: list[str] | None = None) -> Report:
        """Returns what became of the arrays.

        Args:
            source: Name of the family.
            labels: Names of the classes.
        """
        return Report(source, list(self.unused), list(self.missing), dict(self.reshaped), labels,
                      list(self.others), dict(self.assumed))

    def _find(self, key: str) -> typing.Any:
        key = self._prefix + key
        if key not in self._arrays:
            raise ValueError(explain(
                "the checkpoint must have an array under this key", key=key,
                number_of_arrays=len(self._arrays),
                fix="pass the whole state of the module, under its own keys"))
        return self._changed.get(key, self._arrays[key])
