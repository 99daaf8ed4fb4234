"""Fourier transforms of known lengths: products with matrices of sines and cosines.

The transform of `a + ib` along an axis of length `n` is `(a + ib)·(C - iS)`, where `C` and `S` hold
the cosines and the sines of `2π·j·k/n`. The inverse has `C + iS`, divided by `n`.
"""

import typing

import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.elementwise import traced
from keras_seqattn.edge.lower.lowering import Handler

Pair: typing.TypeAlias = tuple[typing.Any, typing.Any]


def _transformed(real: typing.Any, imaginary: typing.Any, axis: int, sign: int) -> Pair:
    """Both parts of the transform along an axis; `imaginary` is `None` for zeros."""
    rank, length = len(real.shape), real.shape[axis]
    angles = 2 * np.pi / length * (np.outer(np.arange(length), np.arange(length)) % length)
    scale = 1 if sign < 0 else 1 / length
    cosines, sines = ((scale * function(angles)).astype("float32")
                      for function in (np.cos, np.sin))

    def times(x, matrix):
        return ops.swapaxes(ops.matmul(ops.swapaxes(x, axis, rank - 1), matrix), axis, rank - 1)

    first, second = times(real, cosines), times(real, sign * sines)
    if imaginary is None:
        return first, second
    return first - times(imaginary, sign * sines), second + times(imaginary, cosines)


def _fourier(num_axes: int, sign: int) -> Handler:
    """Makes the handler of a transform of the last axes; what is 0 throughout is not multiplied."""
    def handler(lowering, call, inputs):
        values = [lowering.value(each) for each in call.named()["x"]]
        real, imaginary = map(lowering.tensor, values)
        known, rank = lowering.known(values[1]), len(real.shape)
        imaginary = None if known is not None and not known.any() else imaginary
        for axis in range(rank - 1, rank - 1 - num_axes, -1):
            real, imaginary = _transformed(real, imaginary, axis, sign)
        return [lowering.value(real), lowering.value(imaginary)]
    return handler


def _of_reals(operation, x):
    """Both parts for the frequencies up to half of the length; the others mirror them."""
    length = operation.fft_length or x.shape[-1]
    x = x[..., :length]
    x = ops.pad(x, [*[(0, 0)] * (len(x.shape) - 1), (0, length - x.shape[-1])])
    angles = 2 * np.pi / length * (
        np.outer(np.arange(length), np.arange(length // 2 + 1)) % length)
    return tuple(ops.matmul(x, matrix.astype("float32"))
                 for matrix in (np.cos(angles), -np.sin(angles)))


HANDLERS = {
    borrowed.operation("math.RFFT"): traced(_of_reals),
    borrowed.operation("math.FFT"): _fourier(1, -1),
    borrowed.operation("math.FFT2"): _fourier(2, -1),
    borrowed.operation("math.IFFT2"): _fourier(2, 1),
}
