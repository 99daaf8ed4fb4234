"""Functions of `keras.ops` that take a part of a tensor, or put something around or into it."""

import keras
import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.arrays import reshape
from keras_seqattn.edge.lower.call import Call, Unfit, is_symbolic
from keras_seqattn.edge.lower.elementwise import cast, common, traced
from keras_seqattn.edge.lower.lowering import Lowering


def sliced(lowering: Lowering, value: int, axis: int, start: int, size: int,
           stride: int = 1) -> int:
    """Returns `size` places along an axis, from `start` on."""
    shape = lowering.spec(value).shape
    if (start, size, stride) == (0, shape[axis], 1):
        return value
    starts, strides = [0] * len(shape), [1] * len(shape)
    starts[axis], strides[axis] = start, stride
    sizes = [size if place == axis else each for place, each in enumerate(shape)]
    return lowering.add("slice", "slice", [value], starts=starts, sizes=sizes, strides=strides)


def _get_item(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    named = call.named()
    value, key = lowering.value(named["x"]), named["key"]
    key = key if isinstance(key, (tuple, list)) else (key,)
    if any(is_symbolic(each) for each in keras.tree.flatten(key)):
        raise Unfit("its places are computed")
    if not all(each is None or each is Ellipsis or isinstance(each, (int, np.integer, slice))
               for each in key):
        raise Unfit("its places are an array")
    shape = lowering.spec(value).shape
    named_axes = sum(each is not None and each is not Ellipsis for each in key)
    if Ellipsis not in key:
        key = (*key, Ellipsis)
    cuts: list[tuple[int, int, int]] = []       # start, size and stride of each axis
    kept: list[int] = []
    flipped = []
    for each in key:
        axis = len(cuts)
        if each is Ellipsis:
            for size in shape[axis:axis + len(shape) - named_axes]:
                cuts.append((0, size, 1))
                kept.append(size)
        elif each is None:
            kept.append(1)
        elif isinstance(each, slice):
            chosen = range(*each.indices(shape[axis]))
            if chosen.step < 0:
                flipped.append(axis)
                chosen = chosen[::-1]
            cuts.append((chosen.start if chosen else 0, len(chosen), chosen.step))
            kept.append(len(chosen))
        else:
            cuts.append((int(each) % shape[axis], 1, 1))
    starts, sizes, strides = (list(each) for each in zip(*cuts, strict=True))
    if 0 in sizes:
        return lowering.value(np.zeros(kept, lowering.spec(value).dtype))
    if sizes != list(shape) or any(starts):
        value = lowering.add("slice", "slice", [value], starts=starts, sizes=sizes,
                             strides=strides)
    for axis in flipped:
        value = lowering.add("flip", "flip", [value], axis=axis)
    return reshape(lowering, value, kept)


def _places(lowering, starts):
    """Where a slice starts along each axis: a number, or a value of rank 0 that is computed."""
    if not is_symbolic(starts):
        return [lowering.value(each) if is_symbolic(each) else int(each)
                for each in (starts if isinstance(starts, (tuple, list)) else np.ravel(starts))], [
                    is_symbolic(each) for each in starts]
    count, value = starts.shape[0], lowering.value(starts)
    return [reshape(lowering, sliced(lowering, value, 0, place, 1), ())
            for place in range(count)], [True] * count


def _slice(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    """Axes whose start is computed are read by a look-up of places one behind the other."""
    named = call.named()
    sizes = named.get("shape")
    sizes = call.operation.shape if sizes is None else sizes
    value = lowering.value(named["inputs"])
    for axis, (start, computed, size) in enumerate(zip(
            *_places(lowering, named["start_indices"]), sizes, strict=True)):
        whole = lowering.spec(value).shape[axis]
        if not computed:
            value = sliced(lowering, value, axis, start, whole - start if size == -1 else int(size))
        elif size != whole:
            first = cast(lowering, start, "int32")
            ids = lowering.add("binary", "places", [reshape(lowering, first, (1,)), lowering.value(
                np.arange(size, dtype="int32"))], function="add", aligned=False)
            value = lowering.add("take", "slice", [value, ids], axis=axis)
    return value


def _split(lowering: Lowering, call: Call, inputs: list[int]) -> list[int]:
    operation, shape = call.operation, call.tensors[0].shape
    axis = operation.axis % len(shape)
    places = operation.indices_or_sections
    if isinstance(places, int):
        places = [shape[axis] // places * i for i in range(1, places)]
    ends = [*(int(place) for place in places), shape[axis]]
    starts = [0, *ends[:-1]]
    return [sliced(lowering, inputs[0], axis, start, end - start)
            for start, end in zip(starts, ends, strict=True)]


def _unstack(lowering: Lowering, call: Call, inputs: list[int]) -> list[int]:
    shape = list(call.tensors[0].shape)
    axis = call.operation.axis % len(shape)
    kept = shape[:axis] + shape[axis + 1:]
    return [reshape(lowering, sliced(lowering, inputs[0], axis, place, 1), kept)
            for place in range(shape[axis])]


def _flip(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    axis, rank = call.operation.axis, len(call.tensors[0].shape)
    over = range(rank) if axis is None else axis if isinstance(axis, (tuple, list)) else [axis]
    x = inputs[0]
    for each in over:
        x = lowering.add("flip", call.name, [x], axis=each % rank)
    return x


def _roll(operation, x):
    shifts, over = operation.shift, operation.axis
    if over is None:
        return ops.reshape(_rolled(ops.reshape(x, (-1,)), shifts, 0), x.shape)
    if isinstance(over, (tuple, list)):
        shifts = shifts if isinstance(shifts, (tuple, list)) else [shifts] * len(over)
        for shift, axis in zip(shifts, over, strict=True):
            x = _rolled(x, shift, axis)
        return x
    return _rolled(x, shifts, over)


def _rolled(x, shift, axis):
    shift %= x.shape[axis]
    if not shift:
        return x
    front, back = ops.split(x, [x.shape[axis] - shift], axis=axis)
    return ops.concatenate([back, front], axis=axis)


def _triangle(function):
    def mask(operation, x):
        return ops.where(function(np.ones(x.shape[-2:], bool), operation.k), x,
                         ops.cast(0, x.dtype))
    return mask


def _array_split(operation, x):
    places, size = operation.indices_or_sections, x.shape[operation.axis]
    if isinstance(places, int):
        parts = [size // places + (place < size % places) for place in range(places)]
        places = [int(each) for each in np.cumsum(parts)[:-1]]
    return ops.split(x, places, axis=operation.axis)


def _update(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    """Places that are computed have an op; around known ones the rest is joined to the update."""
    named = call.named()
    starts = named["start_indices"]
    if not any(map(is_symbolic, keras.tree.flatten(starts))):
        return traced(_joined_around)(lowering, call, inputs)
    (x, part), _ = common(lowering, named["inputs"], named["updates"])
    places = [cast(lowering, place, "int32") if computed else lowering.value(place, "int32")
              for place, computed in zip(*_places(lowering, starts), strict=True)]
    return lowering.add("update", call.name, [x, part, *places])


def _joined_around(operation, inputs, start_indices, updates):
    for axis, start in reversed(list(enumerate(int(each) for each in np.ravel(start_indices)))):
        end = start + updates.shape[axis]
        around = [slice(None)] * len(inputs.shape)
        places = [int(each) for each in np.ravel(start_indices)]
        for other in range(axis):
            around[other] = slice(places[other], places[other] + updates.shape[other])
        parts = []
        if start:
            parts.append(inputs[(*around[:axis], slice(0, start))])
        parts.append(updates)
        if end < inputs.shape[axis]:
            parts.append(inputs[(*around[:axis], slice(end, None))])
        updates = ops.concatenate(parts, axis=axis) if len(parts) > 1 else parts[0]
    return updates


TRACED = {
    "numpy.Roll": _roll,
    "numpy.Hsplit": lambda operation, x: ops.split(
        x, operation.indices_or_sections, axis=0 if len(x.shape) == 1 else 1),
    "numpy.Vsplit": lambda operation, x: ops.split(x, operation.indices_or_sections, axis=0),
    "numpy.ArraySplit": _array_split,
    "numpy.Tril": _triangle(np.tril),
    "numpy.Triu": _triangle(np.triu),
}
HANDLERS = {
    **{borrowed.operation(name): traced(function) for name, function in TRACED.items()},
    borrowed.operation("numpy.GetItem"): _get_item,
    borrowed.operation("core.Slice"): _slice,
    borrowed.operation("numpy.Split"): _split,
    borrowed.operation("core.Unstack"): _unstack,
    borrowed.operation("numpy.Flip"): _flip,
    borrowed.operation("core.SliceUpdate"): _update,
}
