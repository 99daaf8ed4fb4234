"""Functions of `keras.ops` on images and on sequences that are read by windows.

A sequence is an image of one row. Where channels come first, they are moved to the end and back.
"""

import collections.abc

import keras
import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.arrays import reshape, transpose
from keras_seqattn.edge.lower.call import Call, Unfit
from keras_seqattn.edge.lower.elementwise import cast, masked, traced
from keras_seqattn.edge.lower.lowering import Handler, Lowering

Windowed = collections.abc.Callable[[Lowering, Call, int], int]


def pair(sizes: int | tuple | list) -> tuple[int, int]:
    """Returns sizes for both axes of an image: one size for both, or that of a sequence's steps."""
    sizes = [sizes] if isinstance(sizes, int) else list(sizes)
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def _sizes(call, name, default=1):
    """An operation's setting for both axes of the image as which it is computed."""
    given = getattr(call.operation, name)
    given = default if given is None else given
    rank = len(call.tensors[0].shape) - 2
    if isinstance(given, int):
        given = [given] * rank
    return pair(given)


def _windowed(function: Windowed) -> Handler:
    """Makes a handler of a function of an image `(B, height, width, channels)`."""
    def handler(lowering, call, inputs):
        shape = call.tensors[0].shape
        if len(shape) not in (3, 4):
            raise Unfit("it reads volumes")
        if len(inputs) != 1:
            raise Unfit("its kernel is computed")
        first = (call.operation.data_format or keras.config.image_data_format()) == (
            "channels_first")
        x = cast(lowering, inputs[0], "float32")
        if first:
            x = transpose(lowering, x, [0, *range(2, len(shape)), 1])
        if len(shape) == 3:
            batch, steps, channels = lowering.spec(x).shape
            x = reshape(lowering, x, (batch, 1, steps, channels))
        y = function(lowering, call, x)
        if len(shape) == 3:
            batch, _, steps, channels = lowering.spec(y).shape
            y = reshape(lowering, y, (batch, steps, channels))
        return transpose(lowering, y, [0, len(shape) - 1, *range(1, len(shape) - 1)]) if (
            first) else y
    return handler


def _kernel(lowering, call, name="kernel"):
    """The kernel as one of images; that of a sequence gets a row."""
    kernel = lowering.array(call.named()[name])
    return kernel[None] if kernel.ndim == 3 else kernel


def _conv(lowering, call, x):
    kernel = _kernel(lowering, call)
    if lowering.spec(x).shape[-1] != kernel.shape[-2]:      # groups
        if kernel.shape[-2] == 1:
            height, width, _, _ = kernel.shape
            kernel = kernel.reshape(height, width, lowering.spec(x).shape[-1], -1)
            return _depth(lowering, call, x, kernel)
        return _grouped(lowering, call, x, kernel)
    return _plain(lowering, call, x, kernel)


def _plain(lowering, call, x, kernel):
    return lowering.add(
        "conv", call.name, [x], {"kernel": kernel}, strides=_sizes(call, "strides"),
        padding=call.operation.padding, dilation=_sizes(call, "dilation_rate"), activation=None)


def _grouped(lowering, call, x, kernel):
    """Each group of channels has a convolution of its own."""
    width = kernel.shape[-2]
    groups = lowering.spec(x).shape[-1] // width
    parts = np.split(kernel, groups, axis=-1)
    shape = list(lowering.spec(x).shape)
    made = [_plain(lowering, call, lowering.add(
        "slice", "group", [x], starts=[0, 0, 0, place * width], sizes=[*shape[:3], width],
        strides=[1] * 4), part) for place, part in enumerate(parts)]
    return lowering.add("concatenate", "groups", made, axis=3)


def _depth(lowering, call, x, kernel):
    strides, dilation = _sizes(call, "strides"), _sizes(call, "dilation_rate")
    if strides[0] != strides[1] and lowering.spec(x).shape[1] == 1:
        strides = (max(strides),) * 2                       # of a sequence: one row
    return lowering.add("depthwise", call.name, [x], {"kernel": kernel}, strides=strides,
                        padding=call.operation.padding, dilation=dilation)


def _depthwise(lowering, call, x):
    return _depth(lowering, call, x, _kernel(lowering, call))


def _separable(lowering, call, x):
    x = _depth(lowering, call, x, _kernel(lowering, call, "depthwise_kernel"))
    kernel = _kernel(lowering, call, "pointwise_kernel")
    return lowering.add("conv", f"{call.name}_pointwise", [x], {"kernel": kernel}, strides=(1, 1),
                        padding="valid", dilation=(1, 1), activation=None)


def _conv_transpose(lowering, call, x):
    """A kernel that is dilated has zeros between its numbers."""
    kernel = _kernel(lowering, call)
    dilation, padding = _sizes(call, "dilation_rate"), call.operation.output_padding
    if set(dilation) != {1}:
        sides = [(side - 1) * rate + 1 for side, rate in zip(
            kernel.shape, dilation, strict=False)]
        wide = np.zeros((*sides, *kernel.shape[2:]), kernel.dtype)
        wide[::dilation[0], ::dilation[1]] = kernel
        kernel = wide
    if padding is not None:
        padding = _sizes(call, "output_padding")
        # a sequence is one row, which stays one
        padding = (0, padding[1]) if len(call.tensors[0].shape) == 3 else padding
    return lowering.add(
        "conv_transpose", call.name, [x], {"kernel": kernel}, strides=_sizes(call, "strides"),
        padding=call.operation.padding, output_padding=padding)


def _of_volumes(pool: collections.abc.Callable) -> Handler:
    """Makes a handler that pools `(B, depth, height, width, channels)`.

    Planes are pooled first, each as an image. What is left is pooled along the depth.
    """
    def pooled(operation, x):
        def threefold(sizes):
            return (sizes,) * 3 if isinstance(sizes, int) else tuple(sizes)

        size = threefold(operation.pool_size)
        strides = size if operation.strides is None else threefold(operation.strides)
        first = (operation.data_format or keras.config.image_data_format()) == "channels_first"
        x = ops.moveaxis(x, 1, -1) if first else x
        batch, depth, height, width, channels = x.shape
        x = pool(ops.reshape(x, (batch * depth, height, width, channels)), size[1:], strides[1:],
                 operation.padding, "channels_last")
        height, width = x.shape[1:3]
        x = pool(ops.reshape(x, (batch, depth, height * width, channels)), (size[0], 1),
                 (strides[0], 1), operation.padding, "channels_last")
        x = ops.reshape(x, (batch, x.shape[1], height, width, channels))
        return ops.moveaxis(x, -1, 1) if first else x
    return traced(pooled)


def _pooling(kind: str, pool: collections.abc.Callable) -> Handler:
    """Makes a handler for sequences and images, and one for volumes."""
    of_images, of_volumes = _windowed(_pool(kind)), _of_volumes(pool)

    def handler(lowering, call, inputs):
        is_volume = len(call.tensors[0].shape) == 5
        return (of_volumes if is_volume else of_images)(lowering, call, inputs)
    return handler


def _pool(kind: str) -> Windowed:
    def pool(lowering, call, x):
        size = _sizes(call, "pool_size")
        strides = size if call.operation.strides is None else _sizes(call, "strides")
        return lowering.add(kind, call.name, [x], size=size, strides=strides,
                            padding=call.operation.padding)
    return pool


def _dot_product_attention(operation, query, key, value, bias=None, mask=None, scale=None):
    """Tokens before heads, `(B, T, N, H)`; the heads of key and value may be fewer."""
    if operation.attn_logits_soft_cap is not None:
        raise Unfit("its logits are capped")
    heads, width = query.shape[2], query.shape[3]
    query, key, value = (ops.transpose(each, (0, 2, 1, 3)) for each in (query, key, value))
    if key.shape[1] != heads:
        key, value = (ops.repeat(each, heads // key.shape[1], axis=1) for each in (key, value))
    scale = width ** -0.5 if scale is None else scale
    logits = ops.matmul(query * scale, ops.transpose(key, (0, 1, 3, 2)))
    if bias is not None:
        logits = logits + bias
    if operation.is_causal:
        steps, read = logits.shape[-2:]
        seen = np.tril(np.ones((steps, read), bool))
        mask = seen if mask is None else ops.logical_and(mask, seen)
    if mask is not None and bias is None:
        logits = masked(logits, ops.cast(mask, "float32"))
    elif mask is not None:
        logits = ops.where(mask, logits, LEAST)
    return ops.transpose(ops.matmul(ops.softmax(logits), value), (0, 2, 1, 3))


LEAST = -0.7 * float(np.finfo("float32").max)
TRACED = {
    "nn.DotProductAttention": _dot_product_attention,
}
HANDLERS = {
    **{borrowed.operation(name): traced(function) for name, function in TRACED.items()},
    borrowed.operation("nn.Conv"): _windowed(_conv),
    borrowed.operation("nn.DepthwiseConv"): _windowed(_depthwise),
    borrowed.operation("nn.SeparableConv"): _windowed(_separable),
    borrowed.operation("nn.ConvTranspose"): _windowed(_conv_transpose),
    borrowed.operation("nn.MaxPool"): _pooling("max_pool", ops.max_pool),
    borrowed.operation("nn.AveragePool"): _pooling(
        "average_pool", ops.average_pool),
}
