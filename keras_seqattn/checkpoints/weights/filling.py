"""Layers whose weights take memory once: when they are filled, not when they are built."""

import gc

import keras
import numpy as np

from keras_seqattn.checkpoints.files.ahead import empty


class Filling(keras.StatelessScope):
    """A scope in which what is assigned to new weights becomes their first value.

    Outside, building a layer draws random numbers for each weight, and filling it writes over
    them, which takes longer than reading the file that they come from. Only weights that are made
    inside may be assigned inside; what is not assigned is initialised when the scope ends.

    Example:

    >>> with Filling():
    ...     dense = keras.layers.Dense(1)
    ...     dense.build((None, 1))
    ...     dense.kernel.assign([[7.0]]) is not None
    True
    >>> float(dense.kernel[0, 0]), float(dense.bias[0])
    (7.0, 0.0)
    """

    def __enter__(self):
        # All that is made inside lives on: to look for garbage among it takes as long again.
        self._collects = gc.isenabled()
        gc.disable()
        return super().__enter__()

    def __exit__(self, *arguments):
        if self._collects:
            gc.enable()
        super().__exit__(*arguments)

    def add_update(self, update):
        """Called by Keras for each assignment, which it would otherwise forget."""
        variable, value = update
        variable._initializer = lambda *_, **__: value
        super().add_update(update)


ALIGNMENT = 64  # bytes, of memory that TensorFlow takes over


def hand_over(weight, array):
    """Assigns an array that nobody else will change, so that the weight may keep its memory.

    TensorFlow copies NumPy's arrays first, and once more where their memory begins unevenly. Of
    what is only like an array it takes the memory over if that begins evenly.

    Args:
        weight: `keras.Variable`.
        array: NumPy array of its shape.
    """
    if keras.backend.backend() == "tensorflow":
        if not (array.dtype == weight.dtype and array.flags.c_contiguous
                and array.flags.writeable and array.ctypes.data % ALIGNMENT == 0):
            array, uneven = empty(array.shape, np.dtype(weight.dtype)), array
            array[...] = uneven
        array = _Like(array)
    weight.assign(array)


class _Like:
    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return self._array
