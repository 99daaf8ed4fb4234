"""Layers that act alike on sequences and images."""

import keras
import numpy as np

from keras_seqattn import layers
from keras_seqattn.edge.lower.call import Unfit, activation_of
from keras_seqattn.edge.lower.lowering import Lowering, of_layer


def dense(lowering: Lowering, layer: keras.layers.Layer, x: int, name: str,
          kernel: np.ndarray | None = None, scale: layers.LayerScale | None = None) -> int:
    """Adds a dense layer, `(…, D)` to `(…, E)`.

    Args:
        lowering: `Lowering`.
        layer: `keras.layers.Dense`, or an `EinsumDense` whose kernel is given as a matrix.
        x: Value that is read.
        name: Name of the node.
        kernel: `(D, E)`. Defaults to the layer's own.
        scale: `LayerScale` behind the layer, to multiply into its weights.

    Returns:
        Value that is made.
    """
    kernel = lowering.array(layer.kernel) if kernel is None else kernel
    bias = lowering.array(layer.bias, -1)
    if scale is not None:
        factors = lowering.array(scale.gamma)
        kernel, bias = kernel * factors, bias if bias is None else bias * factors
    return lowering.add("dense", name, [x], {"kernel": kernel, "bias": bias},
                        activation=activation_of(layer))


def norm(lowering: Lowering, layer: keras.layers.Layer, x: int, name: str) -> int:
    """Adds a `LayerNormalization` or `RMSNormalization` over the last axis."""
    is_rms = isinstance(layer, keras.layers.RMSNormalization)
    weights = {"scale": lowering.array(layer.scale)} if is_rms else {
        "scale": lowering.array(layer.gamma), "offset": lowering.array(layer.beta)}
    return lowering.add("norm", name, [x], weights, epsilon=layer.epsilon, centred=is_rms)


def _norm(lowering, call, inputs):
    layer = call.operation
    if list(layer.axis) not in ([-1], [len(call.tensors[0].shape) - 1]):
        raise Unfit("it normalises over other axes than the last")
    return norm(lowering, layer, inputs[0], layer.name)


def _same(lowering, call, inputs):
    return inputs[0]


def _add(lowering, call, inputs):
    if len(inputs) < 2 or len({tensor.shape for tensor in call.tensors}) > 1:
        raise Unfit("it adds other things than tensors of one shape")
    if len(call.tensors[0].shape) < 3:
        raise Unfit("it adds no tokens")
    total = inputs[0]
    for value in inputs[1:]:
        total = lowering.add("add", call.operation.name, [total, value])
    return total


def _flatten(lowering, call, inputs):
    layer, shape = call.operation, call.tensors[0].shape
    if len(shape) != 3 or shape[1] != 1 or layer.data_format != "channels_last":
        raise Unfit("it flattens more than one token")
    return lowering.add("flatten", layer.name, inputs)


def _scale(lowering, call, inputs):
    layer = call.operation
    factor, offset = (np.asarray(each, lowering.dtype) for each in (layer.scale, layer.offset))
    return lowering.add("scale", layer.name, inputs, {"factor": factor, "offset": offset})


HANDLERS = {
    keras.layers.Dense: of_layer(dense),
    keras.layers.LayerNormalization: _norm,
    keras.layers.RMSNormalization: _norm,
    keras.layers.Add: _add,
    keras.layers.Dropout: _same,
    keras.layers.Identity: _same,
    keras.layers.Flatten: _flatten,
    keras.layers.Rescaling: _scale,
}
