"""Layers that make tokens, tell their positions, and choose which of them are read."""

import keras

from keras_seqattn import layers
from keras_seqattn.edge.lower.call import Unfit, given
from keras_seqattn.edge.lower.convolutions import convolution, trunk


def _patches(lowering, call, inputs):
    return _projected(lowering, call, inputs[0])


def _convolved(lowering, call, inputs):
    layer, x = call.operation, inputs[0]
    for each in layer.convolutions:
        x = convolution(lowering, each, x, f"{layer.name}/{each.name}")
    return _projected(lowering, call, x)


def _residual(lowering, call, inputs):
    layer = call.operation
    return _projected(lowering, call, trunk(lowering, layer.trunk, inputs[0], layer.name))


def _projected(lowering, call, x):
    """The last convolution of a stem, and its image `(B, GH, GW, D)` as tokens `(B, GH·GW, D)`."""
    layer = call.operation
    x = convolution(lowering, layer.projection, x, f"{layer.name}/projection")
    grid = list(layer.grid(*call.tensors[0].shape[1:3]))
    return lowering.add("tokens", layer.name, [x], grid=grid)


def _class_token(lowering, call, inputs):
    layer = call.operation
    return lowering.add("prepend", layer.name, inputs, {"token": lowering.array(layer.token)})


def _sinusoids(lowering, call, inputs):
    _check_positions(call, {"inputs"})
    return _shifted(lowering, call, inputs, call.operation.table)


def _learned_positions(lowering, call, inputs):
    _check_positions(call, {"inputs", "images"})
    layer, named = call.operation, given(call)
    table = layer.resized(**named) if "images" in named else layer.embeddings
    return _shifted(lowering, call, inputs, table)


def _check_positions(call, usual):
    if others := set(given(call)) - usual:
        raise Unfit(f"it is called with {', '.join(sorted(others))}")


def _shifted(lowering, call, inputs, table):
    table = lowering.array(table)[None, :call.tensors[0].shape[1]]
    return lowering.add("shift", call.operation.name, inputs[:1], {"table": table})


def _mean(lowering, call, inputs):
    layer = call.operation
    if len(inputs) > 1:
        raise Unfit("a padding mask reaches it")
    if layer.data_format != "channels_last" or layer.keepdims:
        raise Unfit("it keeps the axis over which it pools, or pools over features")
    return lowering.add("mean", layer.name, inputs)


def _first(lowering, call, inputs):
    layer = call.operation
    return lowering.add("first", layer.name, inputs, count=layer.num_tokens)


def _cropped(lowering, call, inputs):
    layer = call.operation
    start, end = layer.cropping
    length = call.tensors[0].shape[1] - end
    if not end:
        return lowering.add("rest", layer.name, inputs, count=start)
    if start:
        raise Unfit("it crops both ends")
    return lowering.add("first", layer.name, inputs, count=length)


HANDLERS = {
    layers.PatchEmbedding: _patches,
    layers.ConvStem: _convolved,
    layers.ResidualStem: _residual,
    layers.ClassToken: _class_token,
    layers.PositionalEncoding: _sinusoids,
    layers.LearnedPositionEmbedding: _learned_positions,
    layers.FirstTokens: _first,
    keras.layers.Cropping1D: _cropped,
    keras.layers.GlobalAveragePooling1D: _mean,
}
