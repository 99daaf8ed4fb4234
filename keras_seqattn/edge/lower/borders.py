"""Functions of `keras.ops` that put a border around tensors and images, or take one away."""

import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.call import Call, Unfit, is_symbolic
from keras_seqattn.edge.lower.elementwise import traced
from keras_seqattn.edge.lower.lowering import Lowering

MODES = ("constant", "reflect", "symmetric")


def _pad(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    operation, x = call.operation, inputs[0]
    sides = operation.pad_width
    rank = len(lowering.spec(x).shape)
    sides = tuple(tuple(map(int, each)) for each in (sides * rank if len(sides) == 1 else sides))
    if operation.mode not in MODES:
        raise Unfit(f"it pads by {operation.mode}")
    value = call.named().get("constant_values")
    if is_symbolic(value):
        raise Unfit("it pads by what is computed")
    settings = {} if operation.mode == "constant" else {"mode": operation.mode}
    if value is not None and np.asarray(value).item() != 0:
        settings["value"] = np.asarray(value).item()
    if not any(map(any, sides)):
        return x
    return lowering.add("pad", call.name, [x], sides=sides, **settings)


def _sides(operation, images, before, after, part):
    """What is added or taken at each side of images, of which Keras is told two of three."""
    axes = (-2, -1) if operation.data_format == "channels_first" else (-3, -2)
    found = []
    for axis, names, target in zip(axes, (("top", "bottom"), ("left", "right")),
                                   ("height", "width"), strict=True):
        first, last = (getattr(operation, f"{name}_{part}") for name in names)
        total = getattr(operation, f"target_{target}")
        rest = None if total is None else before * images.shape[axis] + after * total
        first = rest - last if first is None else first
        found.append((axis, first, rest - first if last is None else last))
    return found


def _pad_images(operation, images):
    sides = [(0, 0)] * len(images.shape)
    for axis, first, last in _sides(operation, images, -1, 1, "padding"):
        sides[axis] = (first, last)
    return ops.pad(images, sides)


def _crop_images(operation, images):
    places = [slice(None)] * len(images.shape)
    for axis, first, last in _sides(operation, images, 1, -1, "cropping"):
        places[axis] = slice(first, images.shape[axis] - last)
    return images[tuple(places)]


HANDLERS = {
    borrowed.operation("numpy.Pad"): _pad,
    borrowed.operation("image.PadImages"): traced(_pad_images),
    borrowed.operation("image.CropImages"): traced(_crop_images),
}
