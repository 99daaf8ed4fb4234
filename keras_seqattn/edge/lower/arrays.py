"""Functions of `keras.ops` that move numbers: shapes, slices, joins, look-ups."""

import collections.abc
import math
import typing

import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.call import Call, Unfit
from keras_seqattn.edge.lower.elementwise import common, traced
from keras_seqattn.edge.lower.lowering import Lowering


def reshape(lowering: Lowering, value: int, shape: tuple[int, ...] | list[int]) -> int:
    """Returns a value in another shape; -1 stands for what remains."""
    before = lowering.spec(value).shape
    shape = tuple(int(size) for size in shape)
    if -1 in shape:
        rest = math.prod(size for size in shape if size != -1)
        shape = tuple(math.prod(before) // max(rest, 1) if size == -1 else size for size in shape)
    if shape == tuple(before):
        return value
    return lowering.add("reshape", "reshape", [value], shape=shape)


def transpose(lowering: Lowering, value: int, axes: list[int]) -> int:
    """Returns a value with its axes in another order."""
    axes = [int(axis) % len(axes) for axis in axes]
    if axes == list(range(len(axes))):
        return value
    return lowering.add("transpose", "transpose", [value], axes=axes)


def _reshape(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    return reshape(lowering, inputs[0], call.operation.newshape)


def _transpose(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    rank, axes = len(call.tensors[0].shape), call.operation.axes
    return transpose(lowering, inputs[0], list(reversed(range(rank))) if axes is None else axes)


def _squeeze(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    shape, axis = call.tensors[0].shape, call.operation.axis
    if axis is None:
        return reshape(lowering, inputs[0], [size for size in shape if size != 1])
    taken = {each % len(shape) for each in (axis if isinstance(axis, (tuple, list)) else [axis])}
    return reshape(lowering, inputs[0], [
        size for place, size in enumerate(shape) if place not in taken])


def _expand_dims(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    shape, axis = list(call.tensors[0].shape), call.operation.axis
    added = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    rank = len(shape) + len(added)
    for place in sorted(each % rank for each in added):
        shape.insert(place, 1)
    return reshape(lowering, inputs[0], shape)


def _ravel(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    return reshape(lowering, inputs[0], (-1,))


def _concatenate(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    values, _ = common(lowering, *call.named()["xs"])
    return _joined(lowering, values, call.operation.axis)


def _joined(lowering, values, axis):
    if len(values) == 1:
        return values[0]
    rank = len(lowering.spec(values[0]).shape)
    return lowering.add("concatenate", "concatenate", values, axis=axis % rank)


def _stack(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    tensors = call.named()["x"]
    values, _ = common(lowering, *tensors)
    shape = list(lowering.spec(values[0]).shape)
    axis = call.operation.axis % (len(shape) + 1)
    shape.insert(axis, 1)
    return _joined(lowering, [reshape(lowering, value, shape) for value in values], axis)


def _append(operation, a, b):
    if operation.axis is None:
        a, b = ops.reshape(a, (-1,)), ops.reshape(b, (-1,))
    return ops.concatenate([a, b], axis=operation.axis or 0)


def _broadcast_to(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    shape = tuple(int(size) for size in call.operation.shape)
    if shape == tuple(call.tensors[0].shape):
        return inputs[0]
    rank = len(shape)
    x = reshape(lowering, inputs[0],
                (1,) * (rank - len(call.tensors[0].shape)) + tuple(call.tensors[0].shape))
    return lowering.add("broadcast", call.name, [x], shape=shape)


def _tile(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    repeats, shape = call.operation.repeats, call.tensors[0].shape
    repeats = [repeats] if isinstance(repeats, int) else [int(each) for each in repeats]
    rank = max(len(shape), len(repeats))
    repeats = [1] * (rank - len(repeats)) + repeats
    x = reshape(lowering, inputs[0], (1,) * (rank - len(shape)) + tuple(shape))
    return x if set(repeats) == {1} else lowering.add("tile", call.name, [x], repeats=repeats)


def _moveaxis(operation, x):
    rank = len(x.shape)
    sources, targets = ([each % rank for each in np.ravel(axes)]
                        for axes in (operation.source, operation.destination))
    order = [axis for axis in range(rank) if axis not in sources]
    for target, source in sorted(zip(targets, sources, strict=True)):
        order.insert(target, source)
    return ops.transpose(x, [int(axis) for axis in order])


def _swapaxes(operation, x):
    order = list(range(len(x.shape)))
    first, second = operation.axis1, operation.axis2
    order[first], order[second] = order[second], order[first]
    return ops.transpose(x, order)


def _meshgrid(operation, *tensors):
    flat = [ops.reshape(each, (-1,)) for each in tensors]
    order = list(range(len(flat)))
    if operation.indexing == "xy" and len(flat) > 1:
        order[:2] = [1, 0]
    shape = [flat[place].shape[0] for place in order]
    return [ops.broadcast_to(ops.reshape(each, [
        each.shape[0] if axis == place else 1 for axis in order]), shape)
        for place, each in enumerate(flat)]


def _rot90(operation, x):
    first, second = (axis % len(x.shape) for axis in operation.axes)
    turns = operation.k % 4
    if turns == 2:      # Keras 3.15 gives other numbers on TensorFlow than on JAX
        raise Unfit("it turns by half a turn")
    if not turns:
        return x
    x = ops.swapaxes(x, first, second)
    return ops.flip(x, first if turns == 1 else second)


def _dstack(_, tensors):
    tensors = [ops.reshape(each, (1, *each.shape) if len(each.shape) == 1 else each.shape)
               for each in tensors]
    return ops.concatenate([each if len(each.shape) > 2 else ops.expand_dims(each, -1)
                            for each in tensors], axis=2)


def _depth_to_space(operation, x):
    size, first = operation.block_size, operation.data_format == "channels_first"
    x = ops.transpose(x, (0, 2, 3, 1)) if first else x
    batch, height, width, channels = x.shape
    x = ops.reshape(x, (batch * height, width, size, channels // size))
    x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, height * size, width * size, -1))
    return ops.transpose(x, (0, 3, 1, 2)) if first else x


def _space_to_depth(operation, x):
    size, first = operation.block_size, operation.data_format == "channels_first"
    x = ops.transpose(x, (0, 2, 3, 1)) if first else x
    batch, height, width, channels = x.shape
    x = ops.reshape(x, (batch * height // size, size, width // size, size * channels))
    x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, height // size, width // size, -1))
    return ops.transpose(x, (0, 3, 1, 2)) if first else x


TRACED: dict[str, collections.abc.Callable[..., typing.Any]] = {
    "numpy.Meshgrid": _meshgrid,
    "numpy.Rot90": _rot90,
    "numpy.Dstack": _dstack,
    "numpy.Fliplr": lambda _, x: ops.flip(x, 1),
    "numpy.Flipud": lambda _, x: ops.flip(x, 0),
    "nn.DepthToSpace": _depth_to_space,
    "nn.SpaceToDepth": _space_to_depth,
    "numpy.Append": _append,
    "numpy.Moveaxis": _moveaxis,
    "numpy.Swapaxes": _swapaxes,
    "numpy.Hstack": lambda _, xs: ops.concatenate(xs, axis=0 if len(xs[0].shape) == 1 else 1),
    "numpy.Vstack": lambda _, xs: ops.concatenate(
        [ops.reshape(x, (1, -1)) if len(x.shape) == 1 else x for x in xs], axis=0),
}
HANDLERS = {
    **{borrowed.operation(name): traced(function) for name, function in TRACED.items()},
    borrowed.operation("numpy.Reshape"): _reshape,
    borrowed.operation("numpy.Transpose"): _transpose,
    borrowed.operation("numpy.Squeeze"): _squeeze,
    borrowed.operation("numpy.ExpandDims"): _expand_dims,
    borrowed.operation("numpy.Ravel"): _ravel,
    borrowed.operation("numpy.Concatenate"): _concatenate,
    borrowed.operation("numpy.Stack"): _stack,
    borrowed.operation("numpy.BroadcastTo"): _broadcast_to,
    borrowed.operation("numpy.Tile"): _tile,
}
