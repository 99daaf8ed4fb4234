"""Functions of `keras.ops` that look numbers up by their places, which may be computed."""

import collections.abc
import math
import typing

import keras
import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.arrays import reshape
from keras_seqattn.edge.lower.call import Call, Unfit
from keras_seqattn.edge.lower.elementwise import cast, traced
from keras_seqattn.edge.lower.lowering import Lowering


def take(lowering: Lowering, x: int, ids: int, axis: int) -> int:
    """Returns the places of a value that ids name; ids below 0 count from the end."""
    size = lowering.spec(x).shape[axis]
    known = lowering.known(ids)
    if known is not None:
        ids = lowering.value(np.where(known < 0, known + size, known).astype("int32"))
    else:
        ids = _from_start(lowering, cast(lowering, ids, "int32"), size)
    table = lowering.known(x)
    if table is not None and axis == 0 and table.ndim == 2 and table.dtype.kind == "f":
        return lowering.add("lookup", "lookup", [ids], {"table": table})
    return lowering.add("take", "take", [x, ids], axis=axis)


def _from_start(lowering, ids, size):
    """Places from 0 on, where those below 0 count from the end."""
    return lowering.apply(
        lambda ids: ids + size * ops.cast(ops.less(ids, 0), "int32"), ids)


def _embedding(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    """Rows of a table. An id that the table lacks is an error at the run, not a wrong row."""
    layer, ids = call.operation, inputs[0]
    if len(inputs) != 1 or layer.lora_enabled:
        raise Unfit("its table is computed")
    ids = cast(lowering, ids, "int32")
    return lowering.add("lookup", layer.name, [ids], {"table": lowering.array(layer.embeddings)})


def _take(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    named = call.named()
    x, ids = lowering.value(named["x"]), lowering.value(named["indices"])
    axis = call.operation.axis
    if axis is None:
        x, axis = reshape(lowering, x, (-1,)), 0
    return take(lowering, x, ids, axis % len(lowering.spec(x).shape))


def _take_along_axis(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    """As rows of one long list: each place is that of its row's start, and of the id in it."""
    named, axis = call.named(), call.operation.axis
    x, ids = (lowering.value(named[name]) for name in ("x", "indices"))
    if axis is None:
        x, axis = reshape(lowering, x, (-1,)), 0
    shape, size = lowering.spec(x).shape, lowering.spec(x).shape[axis % len(lowering.spec(x).shape)]
    axis %= len(shape)
    wanted = [n if place == axis else max(n, m) for place, (n, m) in enumerate(
        zip(lowering.spec(ids).shape, shape, strict=True))]
    x = _broadcast(lowering, x, [size if place == axis else n for place, n in enumerate(wanted)])
    ids = _broadcast(lowering, cast(lowering, ids, "int32"), wanted)
    inner, whole = math.prod(wanted[axis + 1:]), lowering.spec(x).shape
    starts = np.arange(math.prod(whole), dtype="int32").reshape(whole).take([0], axis)
    known = lowering.known(ids)
    ids = ids if known is not None and (known >= 0).all() else _from_start(lowering, ids, size)
    places = lowering.apply(lambda ids: ids * inner + starts, ids)
    return lowering.add("take", call.name, [reshape(lowering, x, (-1,)), places], axis=0)


def _broadcast(lowering, value, shape):
    if tuple(shape) == tuple(lowering.spec(value).shape):
        return value
    return lowering.apply(lambda x: ops.broadcast_to(x, shape), value)


def _one_hot(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    operation, x = call.operation, inputs[0]
    if operation.sparse:
        raise Unfit("it is sparse")
    rank = len(lowering.spec(x).shape)
    dtype = keras.backend.standardize_dtype(operation.dtype or keras.backend.floatx())
    return lowering.add(
        "one_hot", call.name, [cast(lowering, x, "int32")], num_classes=operation.num_classes,
        axis=operation.axis % (rank + 1), dtype=dtype)


def _repeat(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    operation, x = call.operation, inputs[0]
    shape, axis = list(call.tensors[0].shape), operation.axis
    if axis is None:
        x, shape, axis = reshape(lowering, x, (-1,)), [math.prod(shape)], 0
    axis %= len(shape)
    counts = np.ravel(np.asarray(operation.repeats))
    if len(counts) > 1:
        places = np.repeat(np.arange(shape[axis]), counts).astype("int32")
        return take(lowering, x, lowering.value(places), axis)
    count = int(counts[0])
    wide = [*shape[:axis + 1], 1, *shape[axis + 1:]]
    repeats = [count if place == axis + 1 else 1 for place in range(len(wide))]
    x = lowering.add("tile", call.name, [reshape(lowering, x, wide)], repeats=repeats)
    return reshape(lowering, x, [*shape[:axis], shape[axis] * count, *shape[axis + 1:]])


def _multi_hot(operation, x):
    rows = ops.one_hot(x, operation.num_classes, axis=operation.axis, dtype=operation.dtype)
    return (ops.any if rows.dtype == "bool" else ops.max)(rows, axis=_sample(x))


def _sample(x):
    """The axis of what is one sample's; Keras takes the second for it."""
    return 1 if len(x.shape) > 1 else 0


def _categories(layer, x, count_weights=None):
    """`keras.layers.CategoryEncoding`."""
    if layer.sparse:
        raise Unfit("it is sparse")
    if layer.output_mode == "one_hot":
        x = ops.squeeze(x, -1) if len(x.shape) > 1 and x.shape[-1] == 1 else x
        return ops.one_hot(x, layer.num_tokens)
    rows = ops.one_hot(x, layer.num_tokens)
    if layer.output_mode == "multi_hot":
        return ops.max(rows, axis=_sample(x))
    rows = rows if count_weights is None else rows * ops.expand_dims(count_weights, -1)
    return ops.sum(rows, axis=_sample(x))


def _diagonal(operation, x):
    rank = len(x.shape)
    first, second = operation.axis1 % rank, operation.axis2 % rank
    rest = [axis for axis in range(rank) if axis not in (first, second)]
    rows, columns = x.shape[first], x.shape[second]
    start = operation.offset if operation.offset >= 0 else -operation.offset * columns
    end = min(rows - max(-operation.offset, 0), columns - max(operation.offset, 0))
    flat = ops.reshape(ops.transpose(x, [*rest, first, second]),
                       (*(x.shape[axis] for axis in rest), rows * columns))
    places = start + np.arange(max(end, 0), dtype="int32") * (columns + 1)
    return ops.take(flat, places, axis=-1)


def _digitize(_, x, bins):
    """How many of the bounds a number is not below."""
    above = ops.greater_equal(ops.expand_dims(x, -1), ops.convert_to_tensor(bins, "float32"))
    return ops.sum(ops.cast(above, "int32"), axis=-1)


def _search_sorted(operation, sequence, values):
    function = ops.greater if operation.side == "left" else ops.greater_equal
    return ops.sum(ops.cast(function(
        ops.expand_dims(values, -1), sequence), "int32"), axis=-1)


def _segment_sum(operation, data, ids):
    """A product with one-hot columns; ids outside add nothing."""
    if operation.num_segments is None:
        raise Unfit("how many segments there are is not known")
    chosen = ops.transpose(ops.one_hot(ids, operation.num_segments, dtype="float32"), (1, 0))
    flat = ops.reshape(ops.cast(data, "float32"), (data.shape[0], -1))
    made = ops.reshape(ops.matmul(chosen, flat), (operation.num_segments, *data.shape[1:]))
    return ops.cast(made, data.dtype)


TRACED: dict[str, collections.abc.Callable[..., typing.Any]] = {
    "nn.MultiHot": _multi_hot,
    "numpy.Diagonal": _diagonal,
    "numpy.Trace": lambda operation, x: ops.sum(_diagonal(operation, x), axis=-1),
    "numpy.Digitize": _digitize,
    "numpy.SearchSorted": _search_sorted,
    "math.SegmentSum": _segment_sum,
}
HANDLERS = {
    **{borrowed.operation(name): traced(function) for name, function in TRACED.items()},
    keras.layers.Embedding: _embedding,
    keras.layers.CategoryEncoding: traced(_categories),
    borrowed.operation("numpy.TakeAlongAxis"): _take_along_axis,
    borrowed.operation("numpy.Take"): _take,
    borrowed.operation("numpy.Repeat"): _repeat,
    borrowed.operation("nn.OneHot"): _one_hot,
}
