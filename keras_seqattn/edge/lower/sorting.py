"""Functions of `keras.ops` that put numbers in order, by the op that finds the largest."""

import math

import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.call import Unfit, is_symbolic
from keras_seqattn.edge.lower.elementwise import traced
from keras_seqattn.edge.lower.reductions import axes


def _falling(x):
    """Numbers whose order falls where that of `x` rises, and the way back."""
    return -x if x.dtype != "bool" else -ops.cast(x, "int32")


def _in_order(place):
    """The function behind `sort` (0) and `argsort` (1)."""
    def ordered(operation, x):
        axis = operation.axis
        x, axis = (ops.reshape(x, (-1,)), 0) if axis is None else (x, axis % len(x.shape))
        last = len(x.shape) - 1
        moved = ops.moveaxis(x, axis, last)
        made = ops.top_k(_falling(moved), moved.shape[-1])[place]
        made = ops.moveaxis(made, last, axis)
        return made if place else ops.cast(-made, x.dtype)
    return ordered


def _quantile(operation, x, q):
    """From the sorted numbers, with those between two of them in proportion."""
    if is_symbolic(q):
        raise Unfit("which quantile is computed")
    if operation.method != "linear":        # as an operation Keras 3.15 does not heed it
        raise Unfit("it does not interpolate")
    q = np.asarray(q)
    over, rank = axes(operation.axis, len(x.shape)), len(x.shape)
    rest = [axis for axis in range(rank) if axis not in over]
    x = ops.cast(x, "float32")
    flat = ops.reshape(ops.transpose(x, [*rest, *over]), (*(x.shape[axis] for axis in rest), -1))
    size = math.prod(x.shape[axis] for axis in over)
    rising = -ops.top_k(-flat, size)[0]
    made = [_between(rising, size, float(each)) for each in np.ravel(q)]
    shape = [1 if axis in over else n for axis, n in enumerate(x.shape)]
    made = [ops.reshape(each, shape) for each in made] if operation.keepdims else made
    return ops.stack(made, axis=0) if np.ndim(q) else made[0]


def _between(rising, size, share):
    place = (size - 1) * share
    low, high = math.floor(place), math.ceil(place)
    below, above = (ops.squeeze(rising[..., index:index + 1], axis=-1) for index in (low, high))
    return below if low == high else below * (high - place) + above * (place - low)


TRACED = {
    "numpy.Sort": _in_order(0),
    "numpy.Argsort": _in_order(1),
    "numpy.Quantile": _quantile,
    "numpy.Percentile": lambda operation, x, q: _quantile(operation, x, np.asarray(q) / 100),
    "numpy.Median": lambda operation, x: ops.quantile(
        x, 0.5, axis=operation.axis, keepdims=operation.keepdims),
}
HANDLERS = {borrowed.operation(name): traced(function) for name, function in TRACED.items()}
