"""How the kinds of images are written: convolutions, pooling, resizing."""

import typing

import numpy as np

from keras_seqattn.edge.tflite.write.arithmetic import ints, reshape
from keras_seqattn.edge.tflite.write.body import Body
from keras_seqattn.edge.tflite.write.moves import write_slice
from keras_seqattn.edge.tflite.write.tensors import Tensor, Writers
from keras_seqattn.edge.tflite.write.tokens import activated, fused


def _two(sizes: typing.Any) -> tuple[int, int]:
    return (sizes, sizes) if isinstance(sizes, int) else tuple(sizes)


def _bias(body, bias, count):
    return body.constant(np.zeros(count, "float32") if bias is None else bias)


def write_conv(body: Body, x: Tensor, kernel: np.ndarray, bias: np.ndarray | None = None,
               activation: typing.Any = None, strides: typing.Any = 1, padding: str = "valid",
               dilation: typing.Any = 1) -> Tensor:
    """Writes a convolution; `kernel` is `(height, width, channels, filters)`."""
    (down, right), (rows, columns) = _two(strides), _two(dilation)
    y = body.op("CONV_2D", x, body.constant(kernel.transpose(3, 0, 1, 2)),
                _bias(body, bias, kernel.shape[-1]), padding=padding.upper(), strideH=down,
                strideW=right, dilationHFactor=rows, dilationWFactor=columns,
                fusedActivationFunction=fused(activation))
    return activated(body, y, activation)


def write_depthwise(body: Body, x: Tensor, kernel: np.ndarray, strides: typing.Any, padding: str,
                    dilation: typing.Any, bias: np.ndarray | None = None,
                    activation: typing.Any = None) -> Tensor:
    """Writes a convolution of each channel by itself; the kernel's last axis are its filters."""
    height, width, channels, filters = kernel.shape
    (down, right), (rows, columns) = _two(strides), _two(dilation)
    y = body.op("DEPTHWISE_CONV_2D", x,
                body.constant(kernel.reshape(1, height, width, channels * filters)),
                _bias(body, bias, channels * filters), padding=padding.upper(), strideH=down,
                strideW=right, dilationHFactor=rows, dilationWFactor=columns,
                depthMultiplier=filters, fusedActivationFunction=fused(activation))
    return activated(body, y, activation)


def write_conv_transpose(body: Body, x: Tensor, kernel: np.ndarray, strides: typing.Any,
                         padding: str, output_padding: typing.Any = None,
                         bias: np.ndarray | None = None) -> Tensor:
    """Writes a transposed convolution; `kernel` is `(height, width, filters, channels)`."""
    down, right = _two(strides)
    height, width, filters, _ = kernel.shape
    more = (None, None) if output_padding is None else _two(output_padding)
    sizes = [_widened(*each, padding) for each in zip(
        x.shape[1:3], (down, right), (height, width), more, strict=True)]
    shape = body.constant(ints([x.shape[0], *sizes, filters]))
    given = [shape, body.constant(kernel.transpose(2, 0, 1, 3)), x]
    given += [] if bias is None else [body.constant(bias)]
    return body.op("TRANSPOSE_CONV", *given, padding=padding.upper(), strideH=down, strideW=right)


def _widened(size, stride, extent, more, padding):
    """The side of the image that a transposed convolution makes, as Keras counts it."""
    if padding == "valid":
        return (size - 1) * stride + extent + (max(stride - extent, 0) if more is None else more)
    return size * stride if more is None else (size - 1) * stride + extent % 2 + more


def _pool(body, op, x, size, strides, padding):
    """Windows of one pixel are a slice, which XNNPACK has and such a pooling it has not."""
    (height, width), (down, right) = _two(size), _two(strides)
    if height == width == 1:
        strides = [1, down, right, 1]
        return write_slice(body, x, [0] * 4, [-(-size // stride) for size, stride in zip(
            x.shape, strides, strict=True)], strides)
    return body.op(op, x, padding=padding.upper(), strideH=down, strideW=right,
                   filterHeight=height, filterWidth=width, fusedActivationFunction="NONE")


def write_max_pool(body: Body, x: Tensor, size: typing.Any, strides: typing.Any,
                   padding: str) -> Tensor:
    """Writes the largest number of each window."""
    return _pool(body, "MAX_POOL_2D", x, size, strides, padding)


def write_average_pool(body: Body, x: Tensor, size: typing.Any, strides: typing.Any,
                       padding: str) -> Tensor:
    """Writes the mean of each window."""
    return _pool(body, "AVERAGE_POOL_2D", x, size, strides, padding)


def write_resize(body: Body, x: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    """Writes an image in another size, with the centres of its pixels kept."""
    op = "RESIZE_BILINEAR" if interpolation == "bilinear" else "RESIZE_NEAREST_NEIGHBOR"
    return body.op(op, x, body.constant(ints(size)), halfPixelCenters=True, alignCorners=False)


def write_repeat(body: Body, x: Tensor, rows: int, columns: int) -> Tensor:
    """Writes each pixel `rows · columns` times, by ops that XNNPACK has."""
    batch, height, width, channels = x.shape
    for count, axis, shape in ((columns, 3, (batch, height, columns * width, channels)),
                               (rows, 2, (batch, rows * height, columns * width, channels))):
        if count > 1:
            x = reshape(body, body.op("CONCATENATION", *[x] * count, axis=axis,
                                      fusedActivationFunction="NONE"), shape)
    return x


WRITERS: Writers = {
    "conv": write_conv,
    "depthwise": write_depthwise,
    "conv_transpose": write_conv_transpose,
    "max_pool": write_max_pool,
    "average_pool": write_average_pool,
    "resize": write_resize,
    "repeat": write_repeat,
}
