"""Residual networks of images on the way to a device: constant kernels, norms of rank 4.

Each handler takes the lowering of `lower`, a layer, the values it reads and the call of it.
"""

import keras
from keras import ops

from keras_seqattn import layers
from keras_seqattn.layers.residual import standardise


def _standardised(lowering, layer, inputs, node=None, name=None):
    """A plain convolution; it pads by itself where Keras' `"same"` pads all sides alike."""
    name, side = name or layer.name, layer.kernel_size // 2
    padding = "same" if layer.strides == 1 else "valid"
    if side and padding == "valid":
        inputs = [_padded(lowering, f"{name}/padding", inputs, ((side, side), (side, side)))]
    kernel = ops.convert_to_numpy(standardise(lowering.array(layer.kernel), layer.epsilon))
    return lowering.graph.add("conv", name, inputs, {"kernel": kernel}, padding=padding,
                              strides=layer.strides, activation=None)


def _padded(lowering, name, inputs, sides):
    return lowering.graph.add("pad", name, inputs, sides=((0, 0), *sides, (0, 0)))


def _group_norm(lowering, layer, inputs, node=None, name=None, activation=None):
    if layer.axis != -1:
        return None
    weights = {"scale": lowering.array(layer.gamma), "offset": lowering.array(layer.beta)}
    return lowering.graph.add(
        "group_norm", name or layer.name, inputs, weights, num_groups=layer.groups,
        epsilon=layer.epsilon, activation=activation)


def _bottleneck(lowering, block, inputs, node=None, name=None):
    name = name or block.name
    x = shortcut = inputs[0]
    for step in ("narrow", "spatial", "widen"):
        norm = getattr(block, f"{step}_norm")
        x = _group_norm(lowering, norm, [x], name=f"{name}/{norm.name}", activation=ops.relu)
        if step == "narrow" and block.projection is not None:
            shortcut = _standardised(lowering, block.projection, [x], name=f"{name}/projection")
        x = _standardised(lowering, getattr(block, step), [x], name=f"{name}/{step}")
    return lowering.graph.add("add", f"{name}/sum", [shortcut, x])


def _zero_padding(lowering, layer, inputs, node=None, name=None):
    if layer.data_format != "channels_last":
        return None
    return _padded(lowering, name or layer.name, inputs, layer.padding)


def _max_pooling(lowering, layer, inputs, node=None, name=None):
    if layer.data_format != "channels_last":
        return None
    return lowering.graph.add("max_pool", name or layer.name, inputs, size=layer.pool_size,
                              strides=layer.strides, padding=layer.padding)


def _relu(lowering, layer, inputs, node=None, name=None):
    plain = layer.max_value is None and not layer.negative_slope and not layer.threshold
    return lowering.graph.add("relu", name or layer.name, inputs) if plain else None


def _mean(lowering, layer, inputs, node=None):
    plain = layer.data_format == "channels_last" and not layer.keepdims
    return lowering.graph.add("mean", layer.name, inputs, axis=(1, 2)) if plain else None


def _stem(lowering, stem, inputs, node):
    for layer in stem.trunk:
        inputs = [HANDLERS[type(layer)](lowering, layer, inputs, name=f"{stem.name}/{layer.name}")]
    x = lowering.conv(stem.projection, inputs, name=f"{stem.name}/projection")
    grid = [side // stem.patch_size for side in node.arguments.keras_tensors[0].shape[1:3]]
    return lowering.graph.add("tokens", stem.name, [x], grid=grid)


HANDLERS = {
    layers.StandardizedConv2D: _standardised,
    layers.PreActivationBottleneck: _bottleneck,
    layers.ResidualStem: _stem,
    keras.layers.GroupNormalization: _group_norm,
    keras.layers.ZeroPadding2D: _zero_padding,
    keras.layers.MaxPooling2D: _max_pooling,
    keras.layers.ReLU: _relu,
    keras.layers.GlobalAveragePooling2D: _mean,
}


def group_norm(x, num_groups, epsilon, activation=None, scale=None, offset=None):
    """Normalises groups of channels over the image; Keras' own layer takes tensors of rank 5."""
    _, height, width, channels = x.shape
    y = ops.reshape(x, (-1, height * width, num_groups, channels // num_groups))
    y = y - ops.mean(y, axis=(1, 3), keepdims=True)
    y = y * ops.rsqrt(ops.mean(y * y, axis=(1, 3), keepdims=True) + epsilon)
    y = ops.reshape(y, (-1, height, width, channels))
    y = y if scale is None else y * scale
    y = y if offset is None else y + offset
    return y if activation is None else activation(y)


KINDS = {
    "group_norm": group_norm,
    "pad": lambda x, sides: ops.pad(x, sides),
    "max_pool": lambda x, size, strides, padding: ops.max_pool(
        x, size, strides, padding, data_format="channels_last"),
    "relu": ops.relu,
}
