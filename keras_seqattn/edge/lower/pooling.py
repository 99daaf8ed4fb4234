"""Pooling to a size that is given, whose windows differ in length by one."""

import math

import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.elementwise import traced


def _windows(size: int, count: int) -> list[tuple[int, int]]:
    """Start and end of each window: of windows that do not share out evenly, ends overlap."""
    return [(place * size // count, math.ceil((place + 1) * size / count))
            for place in range(count)]


def _average(x, axis, windows):
    matrix = np.zeros((x.shape[axis], len(windows)), "float32")
    for column, (start, end) in enumerate(windows):
        matrix[start:end, column] = 1 / (end - start)
    return ops.moveaxis(ops.matmul(ops.moveaxis(x, axis, -1), matrix), -1, axis)


def _largest(x, axis, windows):
    before = (slice(None),) * axis
    return ops.concatenate([ops.max(x[(*before, slice(start, end))], axis=axis, keepdims=True)
                            for start, end in windows], axis=axis)


def _adaptive(pool):
    def pooled(operation, x):
        sizes, rank = operation.output_size, len(x.shape)
        sizes = (sizes,) * (rank - 2) if isinstance(sizes, int) else sizes
        first = 2 if operation.data_format == "channels_first" else 1
        for axis, size in enumerate(sizes, first):
            x = pool(x, axis, _windows(x.shape[axis], size))
        return x
    return pooled


TRACED = {
    "nn.AdaptiveAveragePool": _adaptive(_average),
    "nn.AdaptiveMaxPool": _adaptive(_largest),
}
HANDLERS = {borrowed.operation(name): traced(function) for name, function in TRACED.items()}
