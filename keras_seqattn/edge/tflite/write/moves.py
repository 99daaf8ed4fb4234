"""How kinds are written that move numbers and compute none."""

import math

import numpy as np

from keras_seqattn.edge.tflite.write.arithmetic import RANK, ints, reshape
from keras_seqattn.edge.tflite.write.body import Body
from keras_seqattn.edge.tflite.write.tensors import Tensor, Writers

JOINED = 5      # tensors that XNNPACK joins in one op


def write_concatenate(body: Body, *tensors: Tensor, axis: int) -> Tensor:
    """Writes a join; the last of many tensors are joined before, since XNNPACK joins only some."""
    while len(tensors) > JOINED and tensors[0].dtype == "float32":
        count = min(JOINED, len(tensors) - JOINED + 1)
        tensors = (*tensors[:-count], write_concatenate(body, *tensors[-count:], axis=axis))
    return body.op("CONCATENATION", *tensors, axis=axis, fusedActivationFunction="NONE")


def write_slice(body: Body, x: Tensor, starts: list[int], sizes: list[int],
                strides: list[int]) -> Tensor:
    """Writes a slice; axes that are read whole are merged where there are more than 4."""
    if x.array is not None:
        places = tuple(slice(start, start + (size - 1) * stride + 1, stride)
                       for start, size, stride in zip(starts, sizes, strides, strict=True))
        return body.constant(np.ascontiguousarray(x.array[places]))
    if x.dtype == "float32" and set(strides) != {1}:
        found = _strided(body, x, starts, sizes, strides)
        if found is not None:
            return found
    whole = list(x.shape)
    made = list(sizes)
    if len(whole) > RANK:
        starts, whole, made, strides = _fewer(starts, whole, made, strides)
        x = reshape(body, x, whole)
    if set(strides) == {1}:
        y = body.op("SLICE", x, body.constant(ints(starts)), body.constant(ints(made)))
    else:
        ends = [start + (size - 1) * stride + 1
                for start, size, stride in zip(starts, made, strides, strict=True)]
        y = body.op("STRIDED_SLICE", x, *(body.constant(ints(each)) for each in (
            starts, ends, strides)))
    return reshape(body, y, sizes)


def _strided(body, x, starts, sizes, strides):
    """A slice with strides by ops that XNNPACK has; `None` where it leaves off before the end.

    An axis becomes two: which stride, and which place in it together with all axes behind.
    """
    behind = [-size % stride for size, stride in zip(x.shape, strides, strict=True)]
    if any(stride > 1 and ((size + more) // stride != part or start >= stride) for
           size, more, start, part, stride in zip(
               x.shape, behind, starts, sizes, strides, strict=True)):
        return None
    if any(behind):
        x = body.op("PAD", x, body.constant(ints([(0, more) for more in behind])))
    shape = list(x.shape)
    for axis, (start, part, stride) in enumerate(zip(starts, sizes, strides, strict=True)):
        if part == shape[axis]:
            continue
        rest = math.prod(shape[axis + 1:])
        rows, count = (part, 1) if stride > 1 else (1, part)
        wide = (math.prod(shape[:axis]) * rows, shape[axis] // rows * rest)
        x = body.op("SLICE", reshape(body, x, wide), body.constant(ints([0, start * rest])),
                    body.constant(ints([wide[0], count * rest])))
        shape[axis] = part
    return reshape(body, x, shape)


def _fewer(starts, whole, made, strides):
    """A slice with neighbouring axes that are read whole as one."""
    kept: list[list[int]] = []
    for start, size, part, stride in zip(starts, whole, made, strides, strict=True):
        if kept and part == size and (kept[-1][1] == kept[-1][2]):
            kept[-1][1] *= size
            kept[-1][2] *= size
        else:
            kept.append([start, size, part, stride])
    return tuple(map(list, zip(*kept, strict=True)))


def write_pad(body: Body, x: Tensor, sides: tuple, mode: str = "constant",
              value: float = 0) -> Tensor:
    """Writes a border."""
    given = body.constant(ints(sides))
    if mode != "constant":
        return body.op("MIRROR_PAD", x, given, mode=mode.upper())
    if value:
        return body.op("PADV2", x, given, body.constant(np.asarray(value, x.dtype)))
    return body.op("PAD", x, given)


def write_broadcast(body: Body, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Writes a broadcast, which TILE does in every runtime."""
    if x.array is not None:
        return body.constant(np.ascontiguousarray(np.broadcast_to(x.array, shape)))
    x = reshape(body, x, (1,) * (len(shape) - len(x.shape)) + x.shape)
    return write_tile(body, x, [size // own for size, own in zip(shape, x.shape, strict=True)])


def write_tile(body: Body, x: Tensor, repeats: list[int]) -> Tensor:
    """Writes a repetition."""
    return body.op("TILE", x, body.constant(ints(repeats)))


def write_take(body: Body, x: Tensor, ids: Tensor, axis: int) -> Tensor:
    """Writes a choice of places along an axis."""
    return body.op("GATHER", x, ids, axis=axis, batchDims=0)


def write_lookup(body: Body, ids: Tensor, table: np.ndarray) -> Tensor:
    """Writes rows of a table by their numbers."""
    rows = body.op("EMBEDDING_LOOKUP", reshape(body, ids, (-1,)), body.constant(table))
    return reshape(body, rows, (*ids.shape, table.shape[1]))


def write_one_hot(body: Body, ids: Tensor, num_classes: int, axis: int, dtype: str) -> Tensor:
    """Writes rows with a 1 at a place."""
    dtype = dtype if dtype in ("bool", "int32", "int64") else "float32"
    return body.op("ONE_HOT", ids, body.constant(ints(num_classes)),
                   body.constant(np.ones((), dtype)), body.constant(np.zeros((), dtype)), axis=axis)


def write_flip(body: Body, x: Tensor, axis: int) -> Tensor:
    """Writes a reversal."""
    return body.op("REVERSE_V2", x, body.constant(ints([axis])))


WRITERS: Writers = {
    "concatenate": write_concatenate,
    "slice": write_slice,
    "pad": write_pad,
    "broadcast": write_broadcast,
    "tile": write_tile,
    "take": write_take,
    "lookup": write_lookup,
    "one_hot": write_one_hot,
    "flip": write_flip,
}
