"""Functions of `keras.ops` that take many numbers together along axes."""

import collections.abc
import math
import typing

import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.arrays import reshape, transpose
from keras_seqattn.edge.lower.call import Call, Unfit
from keras_seqattn.edge.lower.elementwise import cast, traced
from keras_seqattn.edge.lower.lowering import Handler, Lowering

REDUCED = {"numpy.Sum": "sum", "numpy.Mean": "mean", "numpy.Max": "max", "numpy.Min": "min",
           "numpy.Prod": "prod", "numpy.Any": "any", "numpy.All": "all",
           "numpy.Amax": "max", "numpy.Amin": "min"}


def axes(axis: int | tuple | list | None, rank: int) -> tuple[int, ...]:
    """Returns axes as numbers from 0 on, all for `None`."""
    if axis is None:
        return tuple(range(rank))
    chosen = axis if isinstance(axis, (tuple, list)) else [axis]
    return tuple(sorted(each % rank for each in chosen))


def _reduced(function: str) -> Handler:
    def handler(lowering, call, inputs):
        x, = inputs
        operation = call.operation
        spec = lowering.spec(x)
        if function in ("any", "all"):
            x = cast(lowering, x, "bool")
        elif function == "mean":
            x = cast(lowering, x, "float32")
        elif spec.dtype == "bool":
            x = cast(lowering, x, "int32")
        initial = getattr(operation, "initial", None)
        over = axes(operation.axis, len(spec.shape))
        if not over:
            return x
        if function == "mean" and over == (1,) and len(spec.shape) == 3 and (
                not operation.keepdims):
            return lowering.add("mean", call.name, [x], axis=1)
        made = lowering.add("reduce", call.name, [x], function=function, axis=over,
                            keepdims=bool(operation.keepdims))
        if initial is None:
            return made
        return lowering.apply(lambda x: (ops.maximum if function == "max" else ops.minimum)(
            x, ops.cast(initial, x.dtype)), made)
    return handler


def _softmax(kind: str) -> Handler:
    """Over the last axis; other axes are moved there, and several become one."""
    def handler(lowering, call, inputs):
        x, = inputs
        spec = lowering.spec(x)
        rank = len(spec.shape)
        over = axes(call.operation.axis, rank)
        x = cast(lowering, x, "float32")
        if over == (rank - 1,):
            return lowering.add(kind, call.name, [x], axis=-1)
        order = [*(each for each in range(rank) if each not in over), *over]
        moved = transpose(lowering, x, order)
        shape = lowering.spec(moved).shape
        moved = reshape(lowering, moved, (*shape[:rank - len(over)], -1))
        made = lowering.add(kind, call.name, [moved], axis=-1)
        return transpose(lowering, reshape(lowering, made, shape),
                         [int(each) for each in np.argsort(order)])
    return handler


def _index_of(function: str) -> Handler:
    def handler(lowering, call, inputs):
        x, = inputs
        operation, shape = call.operation, lowering.spec(x).shape
        if lowering.spec(x).dtype == "bool":
            x = cast(lowering, x, "int32")
        axis = operation.axis
        if axis is None:
            x = lowering.add("reshape", "flat", [x], shape=(math.prod(shape),))
        made = lowering.add("index_of", call.name, [x], function=function,
                            axis=0 if axis is None else axis % len(shape))
        if not operation.keepdims:
            return made
        kept = [1 if axis is None or place == axis % len(shape) else size
                for place, size in enumerate(shape)]
        return lowering.add("reshape", "kept", [made], shape=tuple(kept))
    return handler


def top_k(lowering: Lowering, x: int, k: int) -> list[int]:
    """Returns the largest numbers of the last axis, falling, and where they lie.

    Of equal numbers the first comes first.
    """
    return lowering.add_many(2, "top_k", "top_k", [x], k=k)


def _top_k(lowering: Lowering, call: Call, inputs: list[int]) -> list[int]:
    if not call.operation.sorted:
        raise Unfit("it gives its values in any order")
    return top_k(lowering, inputs[0], int(call.operation.k))


def _cumsum(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    x, = inputs
    axis, shape = call.operation.axis, lowering.spec(x).shape
    if axis is None:
        x = lowering.add("reshape", "flat", [x], shape=(math.prod(shape),))
        axis = 0
    dtype = lowering.spec(x).dtype
    dtype = call.operation.dtype or ("int32" if dtype == "bool" else dtype)
    return lowering.add("cumsum", call.name, [cast(lowering, x, dtype)],
                        axis=axis % len(lowering.spec(x).shape))


def _var(operation, x):
    off = x - ops.mean(x, axis=operation.axis, keepdims=True)
    return ops.mean(off * off, axis=operation.axis, keepdims=operation.keepdims)


def _moments(operation, x):
    axis, keepdims = operation.axes, operation.keepdims
    mean = ops.mean(x, axis=axis, keepdims=True)
    variance = ops.mean(ops.square(x - mean), axis=axis, keepdims=keepdims)
    return mean if keepdims else ops.squeeze(mean, axis=axes(axis, len(x.shape))), variance


def _logsumexp(operation, x):
    most = ops.max(x, axis=operation.axis, keepdims=True)
    total = ops.log(ops.sum(ops.exp(x - most), axis=operation.axis, keepdims=True)) + most
    return total if operation.keepdims else ops.squeeze(total, axis=axes(
        operation.axis, len(x.shape)))


def _norm(operation, x):
    """The norms of vectors, and of matrices those that need no singular values."""
    axis, rank = operation.axis, len(x.shape)
    over, order, keepdims = axes(axis, rank), operation.ord, operation.keepdims
    x = ops.cast(x, "float32")
    if order in (None, "fro") or (order == 2 and len(over) == 1):
        return ops.sqrt(ops.sum(x * x, axis=over, keepdims=keepdims))
    if len(over) > 1:
        return _matrix_norm(x, [each % rank for each in axis], order, keepdims)
    x = ops.abs(x)
    if order in (float("inf"), float("-inf")):
        return (ops.max if order > 0 else ops.min)(x, axis=over, keepdims=keepdims)
    if order == 0:
        return ops.sum(ops.cast(ops.greater(x, 0.0), "float32"), axis=over, keepdims=keepdims)
    total = ops.sum(ops.power(x, float(order)), axis=over, keepdims=keepdims)
    return total if order == 1 else ops.power(total, 1.0 / order)


def _matrix_norm(x, over, order, keepdims):
    if order not in (1, -1, float("inf"), float("-inf")):
        raise Unfit("it is a norm of singular values")
    rows, columns = over
    summed, taken = (rows, columns) if abs(order) == 1 else (columns, rows)
    totals = ops.sum(ops.abs(x), axis=summed, keepdims=True)
    made = (ops.max if order > 0 else ops.min)(totals, axis=taken, keepdims=True)
    return made if keepdims else ops.squeeze(made, axis=tuple(over))


def _count(operation, x):
    return ops.sum(ops.cast(ops.not_equal(x, 0), "int32"), axis=operation.axis)


def _average(operation, x, weights=None):
    if weights is None:
        return ops.mean(x, axis=operation.axis)
    x, weights = ops.cast(x, "float32"), ops.cast(weights, "float32")
    if len(weights.shape) < len(x.shape):
        shape = [1] * len(x.shape)
        shape[operation.axis] = -1
        weights = ops.reshape(weights, shape)
    weights = ops.broadcast_to(weights, x.shape)
    return ops.sum(x * weights, axis=operation.axis) / ops.sum(weights, axis=operation.axis)


def _diff(operation, x):
    axis = operation.axis % len(x.shape)
    before = (slice(None),) * axis
    for _ in range(operation.n):
        x = x[(*before, slice(1, None))] - x[(*before, slice(None, x.shape[axis] - 1))]
    return x


def _within(operation, x):
    over = axes(operation.axis, len(x.shape))
    return (ops.max(x, axis=over, keepdims=operation.keepdims)
            - ops.min(x, axis=over, keepdims=operation.keepdims))


TRACED: dict[str, collections.abc.Callable[..., typing.Any]] = {
    "numpy.Var": _var,
    "numpy.Std": lambda operation, x: ops.sqrt(_var(operation, x)),
    "nn.Moments": _moments,
    "math.Logsumexp": _logsumexp,
    "linalg.Norm": _norm,
    "numpy.CountNonzero": _count,
    "numpy.Average": _average,
    "numpy.Diff": _diff,
    "numpy.Ptp": _within,
    "numpy.Vdot": lambda _, a, b: ops.sum(ops.reshape(a, (-1,)) * ops.reshape(b, (-1,))),
}
HANDLERS = {
    **{borrowed.operation(name): _reduced(function) for name, function in REDUCED.items()},
    **{borrowed.operation(name): traced(function) for name, function in TRACED.items()},
    borrowed.operation("nn.Softmax"): _softmax("softmax"),
    borrowed.operation("nn.LogSoftmax"): _softmax("log_softmax"),
    borrowed.operation("numpy.Argmax"): _index_of("argmax"),
    borrowed.operation("numpy.Argmin"): _index_of("argmin"),
    borrowed.operation("math.TopK"): _top_k,
    borrowed.operation("numpy.Cumsum"): _cumsum,
}
