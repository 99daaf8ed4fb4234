"""Images in another size, and cut into patches."""

import math

import keras
import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.arrays import reshape, transpose
from keras_seqattn.edge.lower.call import Call, Unfit
from keras_seqattn.edge.lower.elementwise import cast, traced
from keras_seqattn.edge.lower.images import pair
from keras_seqattn.edge.lower.lowering import Lowering


def resized(lowering: Lowering, name: str, x: int, size: tuple[int, int],
            interpolation: str, antialias: bool = False) -> int:
    """Returns an image `(B, height, width, channels)` in another size.

    What has no op of its own is linear in rows and in columns: a product with a constant matrix
    for each, whose columns are what Keras makes of the rows of an identity.
    """
    _, height, width, _ = lowering.spec(x).shape
    if (height, width) == tuple(size):
        return x
    if interpolation in ("bilinear", "nearest") and not antialias:
        return lowering.add("resize", name, [x], size=tuple(size), interpolation=interpolation)
    rows = _resizing(height, size[0], interpolation, antialias)
    columns = _resizing(width, size[1], interpolation, antialias)
    x = transpose(lowering, x, [0, 2, 3, 1])
    x = lowering.add("dense", f"{name}/rows", [x], {"kernel": rows}, activation=None)
    x = transpose(lowering, x, [0, 3, 2, 1])
    x = lowering.add("dense", f"{name}/columns", [x], {"kernel": columns}, activation=None)
    return transpose(lowering, x, [0, 1, 3, 2])


def _resizing(before, after, interpolation, antialias):
    """The matrix `(before, after)` that resizes a row."""
    rows = np.eye(before, dtype="float32")[:, :, None, None]
    return keras.ops.convert_to_numpy(ops.image.resize(
        rows, (after, 1), interpolation, antialias=antialias,
        data_format="channels_last"))[:, :, 0, 0]


def _resize(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    operation, x = call.operation, inputs[0]
    shape, dtype = call.tensors[0].shape, lowering.spec(inputs[0]).dtype
    first = operation.data_format == "channels_first"
    x = reshape(lowering, x, (1, *shape)) if len(shape) == 3 else x
    x = cast(lowering, transpose(lowering, x, [0, 2, 3, 1]) if first else x, "float32")
    if operation.crop_to_aspect_ratio or operation.pad_to_aspect_ratio:
        x = lowering.apply(lambda x: _of_ratio(operation, x), x)
    x = resized(lowering, call.name, x, operation.size, operation.interpolation,
                operation.antialias)
    if operation.interpolation == "nearest":    # others give floats, whatever they read
        x = cast(lowering, x, dtype)
    x = transpose(lowering, x, [0, 3, 1, 2]) if first else x
    return reshape(lowering, x, lowering.spec(x).shape[1:]) if len(shape) == 3 else x


def _of_ratio(operation, images):
    """An image cut or filled up in the middle to the ratio of the size that it will have."""
    height, width = images.shape[1:3]
    rows = int(np.float32(width * operation.size[0]) / np.float32(operation.size[1]))
    columns = int(np.float32(height * operation.size[1]) / np.float32(operation.size[0]))
    if operation.crop_to_aspect_ratio:
        rows, columns = max(min(height, rows), 1), max(min(width, columns), 1)
        top, left = (height - rows) // 2, (width - columns) // 2
        return images[:, top:top + rows, left:left + columns]
    rows, columns = max(height, rows), max(width, columns)
    top, left = (rows - height) // 2, (columns - width) // 2
    # Keras adds as much at the end as at the start, one less than what is odd needs.
    return ops.pad(images, ((0, 0), (top, top), (left, left), (0, 0)),
                   constant_values=operation.fill_value)


def _patches(operation, images):
    """Patches that touch: rows and columns are split, which moves numbers and computes none."""
    size, strides = pair(operation.size), pair(operation.strides)
    if (len(operation.size) != 2 or size != strides or operation.data_format != "channels_last"
            or operation.padding != "valid" or operation.dilation_rate not in (1, (1, 1))):
        raise Unfit("its patches overlap or are apart")
    single = len(images.shape) == 3
    images = ops.expand_dims(images, 0) if single else images
    batch, height, width, channels = images.shape
    rows, columns = height // size[0], width // size[1]
    images = images[:, :rows * size[0], :columns * size[1]]
    strips = ops.reshape(images, (batch * rows, size[0], columns, size[1] * channels))
    strips = ops.transpose(strips, (0, 2, 1, 3))
    patches = ops.reshape(strips, (batch, rows, columns, math.prod(size) * channels))
    return patches[0] if single else patches


def _rgb_to_grayscale(operation, images):
    """The weights of TensorFlow, which are those of ITU-R BT.601."""
    first, dtype = operation.data_format == "channels_first", images.dtype
    images = ops.moveaxis(images, -3, -1) if first else images
    weights = np.asarray([[0.2989], [0.5870], [0.1140]], "float32")
    grey = ops.cast(ops.matmul(ops.cast(images, "float32"), weights), dtype)
    return ops.moveaxis(grey, -1, -3) if first else grey


TRACED = {
    "image.RGBToGrayscale": _rgb_to_grayscale,
    "image.ExtractPatches": _patches,
}
HANDLERS = {
    **{borrowed.operation(name): traced(function) for name, function in TRACED.items()},
    borrowed.operation("image.Resize"): _resize,
}
