"""Layers of images, and the residual networks that consist of them.

Nothing here has a rank above 4, and kernels become constants.
"""

import typing

import keras
from keras import ops

from keras_seqattn import layers
from keras_seqattn.edge.lower.call import Unfit, activation_of
from keras_seqattn.edge.lower.lowering import Lowering, of_layer
from keras_seqattn.layers.standardized_convolution import standardise


def convolution(lowering: Lowering, layer: keras.layers.Conv2D, x: int, name: str) -> int:
    """Adds a convolution, `(B, height, width, channels)` to the same with its filters."""
    if layer.groups != 1 or set(layer.dilation_rate) != {1}:
        raise Unfit("its convolution has groups or is dilated")
    _check_channels(layer)
    weights = {"kernel": lowering.array(layer.kernel), "bias": lowering.array(layer.bias)}
    return lowering.add("conv", name, [x], weights, padding=layer.padding,
                        strides=layer.strides, activation=activation_of(layer))


def _check_channels(layer):
    if layer.data_format != "channels_last":
        raise Unfit("its channels are not the last axis")


def _standardised(lowering, layer, x, name):
    """A plain convolution; it pads by itself where Keras' `"same"` pads all sides alike."""
    side = layer.kernel_size // 2
    padding = "same" if layer.strides == 1 else "valid"
    if side and padding == "valid":
        x = _padded(lowering, x, f"{name}/padding", ((side, side), (side, side)))
    kernel = ops.convert_to_numpy(standardise(lowering.array(layer.kernel), layer.epsilon))
    return lowering.add("conv", name, [x], {"kernel": kernel}, padding=padding,
                        strides=layer.strides, activation=None)


def _padded(lowering, x, name, sides):
    return lowering.add("pad", name, [x], sides=((0, 0), *sides, (0, 0)))


def _zero_padding(lowering, layer, x, name):
    _check_channels(layer)
    return _padded(lowering, x, name, layer.padding)


def _group_norm(lowering, layer, x, name, activation=None):
    if layer.axis != -1:
        raise Unfit("its channels are not the last axis")
    if len(lowering.spec(x).shape) != 4:
        raise Unfit("it normalises no images")
    weights = {"scale": lowering.array(layer.gamma), "offset": lowering.array(layer.beta)}
    return lowering.add("group_norm", name, [x], weights, num_groups=layer.groups,
                        epsilon=layer.epsilon, activation=activation)


def _relu(lowering, layer, x, name):
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise Unfit("it is no plain ReLU")
    return lowering.add("unary", name, [x], function="relu")


def _max_pooling(lowering, layer, x, name):
    _check_channels(layer)
    return lowering.add("max_pool", name, [x], size=layer.pool_size, strides=layer.strides,
                        padding=layer.padding)


def _mean(lowering, layer, x, name):
    _check_channels(layer)
    if layer.keepdims:
        raise Unfit("it keeps the axes over which it pools")
    return lowering.add("mean", name, [x], axis=(1, 2))


def _up_sampling(lowering, call, inputs):
    layer = call.operation
    _check_channels(layer)
    if layer.interpolation != "nearest":
        raise Unfit("it interpolates")
    rows, columns = layer.size
    return lowering.add("repeat", layer.name, inputs, rows=rows, columns=columns)


def _bottleneck(lowering, block, x, name):
    shortcut = x
    for step in ("narrow", "spatial", "widen"):
        norm = getattr(block, f"{step}_norm")
        x = _group_norm(lowering, norm, x, f"{name}/{norm.name}", activation=ops.relu)
        if step == "narrow" and block.projection is not None:
            shortcut = _standardised(lowering, block.projection, x, f"{name}/projection")
        x = _standardised(lowering, getattr(block, step), x, f"{name}/{step}")
    return lowering.add("add", f"{name}/sum", [shortcut, x])


# What a layer becomes wherever it stands, by itself or inside a trunk.
_LAYERS: dict[type, typing.Callable[[Lowering, typing.Any, int, str], int]] = {
    keras.layers.Conv2D: convolution,
    layers.StandardizedConv2D: _standardised,
    layers.PreActivationBottleneck: _bottleneck,
    keras.layers.GroupNormalization: _group_norm,
    keras.layers.ReLU: _relu,
    keras.layers.ZeroPadding2D: _zero_padding,
    keras.layers.MaxPooling2D: _max_pooling,
    keras.layers.GlobalAveragePooling2D: _mean,
}


def trunk(lowering: Lowering, inner: list[keras.layers.Layer], x: int, name: str) -> int:
    """Adds the layers of a residual network in a row, each named behind `name`."""
    for layer in inner:
        x = _LAYERS[type(layer)](lowering, layer, x, f"{name}/{layer.name}")
    return x


HANDLERS = {
    **{cls: of_layer(add_layer) for cls, add_layer in _LAYERS.items()},
    keras.layers.UpSampling2D: _up_sampling,
}
