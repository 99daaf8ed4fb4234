"""The arrays of a checkpoint by key, and how they enter a layer."""

import os
import pathlib
import re

import numpy as np

from keras_seqattn.errors import explain


class State:
    """The arrays of a checkpoint, each taken under its key and checked for its shape.

    Args:
        source: Path of a `.safetensors` file, or dictionary from keys to arrays, such as the
            `state_dict()` of a PyTorch module.

    Raises:
        ValueError: the file is missing or is no safetensors file.
        ImportError: a file is given and safetensors is not installed.
    """

    def __init__(self, source):
        self._arrays = _read(source) if isinstance(source, (str, os.PathLike)) else source
        self._prefix = ""
        self._taken = set()

    def under(self, prefix):
        """The same arrays, for keys that begin with `prefix` and are named without it."""
        part = State(self._arrays)
        part._prefix = self._prefix + prefix
        part._taken = self._taken
        return part

    def __contains__(self, key):
        return self._prefix + key in self._arrays

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

    def take(self, key, *shape):
        """An array as float32, which counts as used.

        Raises:
            ValueError: the key is missing, or the array has not this shape.
        """
        array = self._find(key)
        if tuple(array.shape) != shape:
            raise ValueError(explain(
                "the array of the checkpoint must fit the sizes of the model",
                key=self._prefix + key, shape=tuple(array.shape), expected=shape,
                fix="pass the sizes that the checkpoint was made with"))
        self._taken.add(self._prefix + key)
        return np.asarray(array).astype("float32")

    def finish(self, ignored="(?!)"):
        """Checks that every array was taken, but for those whose key matches `ignored`.

        Raises:
            ValueError: an array is left.
        """
        left = sorted(key for key in set(self._arrays) - self._taken
                      if not re.fullmatch(ignored, key))
        if left:
            raise ValueError(explain(
                "every array of the checkpoint must have a place in the model", keys=left[:5],
                number=len(left), fix="use the loader of the module that wrote them"))

    def _find(self, key):
        key = self._prefix + key
        if key not in self._arrays:
            raise ValueError(explain(
                "the checkpoint must have an array under this key", key=key,
                number_of_arrays=len(self._arrays),
                fix="pass the whole state of the module, under its own keys"))
        return self._arrays[key]


def _read(path):
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not pathlib.Path(path).is_file():
        raise ValueError(explain(
            "the checkpoint must be a file", file=str(path),
            fix="pass the path of a .safetensors file"))
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(explain(
            "the checkpoint must be a safetensors file", file=str(path), error=str(error),
            fix="save the weights as safetensors")) from error


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
    dense.kernel.assign(np.reshape(kernel, dense.kernel.shape))
    if bias is not None:
        dense.bias.assign(np.reshape(bias, dense.bias.shape))


def fill_norm(norm, state, name, width, use_bias=True):
    """Sets a `LayerNormalization` from `name.weight` and `name.bias`."""
    norm.gamma.assign(state.take(f"{name}.weight", width))
    if use_bias:
        norm.beta.assign(state.take(f"{name}.bias", width))
