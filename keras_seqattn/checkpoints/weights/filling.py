"""Layers whose weights take memory once: when they are filled, not when they are built."""

import gc
import typing

import keras
import numpy as np

from keras_seqattn import borrowed
from keras_seqattn.checkpoints.files.ahead import empty


class Filling(keras.StatelessScope):
    """A scope in which what is assigned to a new weight becomes its first value.

    Outside, a layer draws random numbers for each weight when it is built. To fill the weight then
    writes over them. Both together take longer than reading the file that the numbers come from.

    Only weights that are made inside may be assigned inside. A weight without an assignment is
    initialised when the scope ends.

    Example:

    >>> with Filling():
    ...     dense = keras.layers.Dense(1)
    ...     dense.build((None, 1))
    ...     dense.kernel.assign([[7.0]]) is not None
    True
    >>> float(dense.kernel[0, 0]), float(dense.bias[0])
    (7.0, 0.0)
    """

    def __enter__(self) -> "Filling":
        # All that is made inside lives on: to look for garbage among it takes as long again.
        self._collects = gc.isenabled()
        gc.disable()
        return super().__enter__()

    def __exit__(self, *arguments: typing.Any) -> None:
        if self._collects:
            gc.enable()
        super().__exit__(*arguments)

    def add_update(self, update: tuple[keras.Variable, typing.Any]) -> None:
        """Keeps an assignment, which Keras would otherwise forget.

        Args:
            update: The variable and its value. Keras calls this method for each assignment.
        """
        borrowed.initialise_with(*update)
        super().add_update(update)


ALIGNMENT = 64  # bytes, of memory that TensorFlow takes over


def hand_over(weight: keras.Variable, array: np.ndarray) -> None:
    """Assigns an array that nobody else will change, so that the weight may keep its memory.

    TensorFlow copies NumPy's arrays first, and once more where their memory begins unevenly. Of
    what is only like an array it takes the memory over if that begins evenly.

    Args:
        weight: The weight.
        array: NumPy array of its shape.
    """
    if keras.backend.backend() == "tensorflow":
        if not (array.dtype == weight.dtype and array.flags.c_contiguous
                and array.flags.writeable and array.ctypes.data % ALIGNMENT == 0):
            array, uneven = empty(array.shape, np.dtype(weight.dtype)), array
            array[...] = uneven
        weight.assign(_Like(array))
    else:
        weight.assign(array)


class _Like:
    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __array__(self, dtype: typing.Any = None, copy: bool | None = None) -> np.ndarray:
        return self._array
