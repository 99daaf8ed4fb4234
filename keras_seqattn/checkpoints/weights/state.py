"""The arrays of a checkpoint by key, what became of each, and how they enter a layer."""

import contextlib
import dataclasses
import os
import re

import numpy as np

from keras_seqattn.checkpoints.files.ahead import read_ahead
from keras_seqattn.checkpoints.files.arrays import open_arrays
from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.errors import explain


@dataclasses.dataclass
class Report:
    """What became of the arrays of a checkpoint.

    Attributes:
        source: Name of the format, a key of `checkpoints.SOURCES`.
        unused: Keys of arrays that the model has no place for, sorted.
        missing: Keys that such a checkpoint usually has and this one has not.
        reshaped: Dictionary from the keys of arrays that were resized to their shapes before and
            after.
        labels: Names of the classes, or `None` where the checkpoint has none.
    """

    source: str
    unused: list
    missing: list
    reshaped: dict
    labels: list | None = None

    def to_dict(self):
        """Returns the same as a dictionary that JSON can hold."""
        return dataclasses.asdict(self)


class State:
    """The arrays of a checkpoint, each taken under its key and checked for its shape.

    Args:
        source: Path of a file of weights, as for `arrays.open_arrays`, or dictionary from keys to
            arrays, such as the `state_dict()` of a PyTorch module.

    Attributes:
        missing: Keys that were looked for in vain, and are not needed.
        reshaped: Dictionary from a key to the shapes of its array before and after resizing.
        unused: Keys of the arrays that `finish` found left, sorted.
        metadata: Dictionary of texts that a safetensors file holds besides.

    Raises:
        ValueError: the file is missing or cannot be read.
        ImportError: what reads such a file is not installed.
    """

    def __init__(self, source):
        self._arrays, self.metadata = (
            open_arrays(source) if isinstance(source, (str, os.PathLike)) else (source, {}))
        self._prefix = ""
        self._taken, self._changed = set(), {}
        self.missing, self.reshaped, self.unused = [], {}, []

    @contextlib.contextmanager
    def ahead(self):
        """Within it a thread reads the arrays of the file, also those that nobody will take."""
        stored = [array for array in self._arrays.values() if getattr(array, "place", None)]
        with read_ahead({array: array.place for array in stored}) as give:
            for array in stored:
                array.ahead = give
            try:
                yield
            finally:
                for array in stored:
                    array.ahead = None

    def under(self, prefix):
        """The same arrays, for keys that begin with `prefix` and are named without it."""
        part = State.__new__(State)
        part.__dict__.update(self.__dict__)
        part._prefix = self._prefix + prefix
        return part

    def __contains__(self, key):
        return self._prefix + key in self._arrays

    def __iter__(self):
        return (key.removeprefix(self._prefix) for key in self._arrays
                if key.startswith(self._prefix))

    def count(self, prefix):
        """Number of layers in keys such as `prefix` + `"3.weight"`: the highest index + 1."""
        pattern = re.compile(re.escape(self._prefix + prefix) + r"(\d+)")
        found = filter(None, map(pattern.match, self._arrays))
        return max((int(match[1]) + 1 for match in found), default=0)

    def shape(self, key, rank):
        """Shape of an array, from which sizes are read.

        Raises:
            ValueError: the key is missing, or the array has another rank.
        """
        shape = tuple(self._find(key).shape)
        if len(shape) != rank:
            raise ValueError(explain(
                f"the array of the checkpoint must have rank {rank}", key=self._prefix + key,
                shape=shape, fix="pass the checkpoint of another module, or another loader"))
        return shape

    def take(self, key, *shape, layer=None, dtype="float32"):
        """An array, which counts as used.

        Args:
            key: Its key.
            *shape: The shape that it must have.
            layer: Name of what it fills, for the error.
            dtype: What its floats become; `None` takes any array as it is.

        Raises:
            ValueError: the key is missing, or the array has not this shape or is not of numbers
                with a point.
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

    def read(self, key):
        """An array as it is, of any shape; it does not count as used."""
        return np.asarray(self._find(key))

    def replace(self, key, array):
        """Puts another array, such as a resized table, in place of one, and notes both shapes."""
        before = self._find(key).shape
        self._changed[self._prefix + key] = array
        self.reshaped[self._prefix + key] = (tuple(before), tuple(array.shape))

    def finish(self, ignored="(?!)"):
        """Checks that every array was taken, but for those whose key matches `ignored`.

        Those that are ignored become `unused`.

        Raises:
            ValueError: an array is left.
        """
        left = sorted(set(self._arrays) - self._taken)
        self.unused[:] = [key for key in left if re.fullmatch(ignored, key)]
        left = [key for key in left if not re.fullmatch(ignored, key)]
        if left:
            raise ValueError(explain(
                "every array of the checkpoint must have a place in the model", keys=left[:5],
                number=len(left), fix="use the loader of the module that wrote them; a part that "
                "it alone knows is not built here"))

    def report(self, source, labels=None):
        """The `Report` on what became of the arrays."""
        return Report(source, list(self.unused), list(self.missing), dict(self.reshaped), labels)

    def _find(self, key):
        key = self._prefix + key
        if key not in self._arrays:
            raise ValueError(explain(
                "the checkpoint must have an array under this key", key=key,
                number_of_arrays=len(self._arrays),
                fix="pass the whole state of the module, under its own keys"))
        return self._changed.get(key, self._arrays[key])


def linear(state, name, inputs, outputs, use_bias=True, transposed=True):
    """Takes the kernel, `(inputs, outputs)`, and the bias of a dense layer, or `None`.

    Args:
        state: `State` with `name.weight` and `name.bias`.
        name: Name of the layer.
        inputs: Width of its input.
        outputs: Width of its output.
        use_bias: Whether it has a bias.
        transposed: Whether the file has the kernel as `(outputs, inputs)`, as PyTorch does.
    """
    shape = (outputs, inputs) if transposed else (inputs, outputs)
    kernel = state.take(f"{name}.weight", *shape)
    return (kernel.T if transposed else kernel,
            state.take(f"{name}.bias", outputs) if use_bias else None)


def fill(dense, kernel, bias=None):
    """Sets a `Dense` or `EinsumDense`, whose axes may be split into heads."""
    hand_over(dense.kernel, np.reshape(kernel, dense.kernel.shape))
    if bias is not None:
        hand_over(dense.bias, np.reshape(bias, dense.bias.shape))


def fill_norm(norm, state, name, width, use_bias=True):
    """Sets a `LayerNormalization` from `name.weight` and `name.bias`."""
    hand_over(norm.gamma, state.take(f"{name}.weight", width))
    if use_bias:
        hand_over(norm.beta, state.take(f"{name}.bias", width))
