"""Functions of `keras.ops` that bring numbers to a mean, a length or a spread."""

import keras
import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.call import Call, Unfit
from keras_seqattn.edge.lower.elementwise import traced
from keras_seqattn.edge.lower.lowering import Lowering
from keras_seqattn.edge.lower.reductions import axes


def _normalize(operation, x):
    epsilon = _epsilon(operation)
    x = ops.cast(x, "float32")
    if operation.order != 2:
        size = ops.norm(x, ord=operation.order, axis=operation.axis, keepdims=True)
        return x / ops.maximum(size, epsilon)
    total = ops.sum(x * x, axis=operation.axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(total, epsilon ** 2))      # rsqrt(0) is NaN in XNNPACK


def _epsilon(operation):
    return keras.config.epsilon() if operation.epsilon is None else operation.epsilon


def _layer_norm(operation, x, gamma=None, beta=None):
    axis = operation.axis
    if getattr(operation, "rms_scaling", False):
        raise Unfit("it scales by the mean square of what it offsets")
    off = x - ops.mean(x, axis=axis, keepdims=True)
    return _scaled(off, operation, axis, gamma, beta)


def _rms_norm(operation, x, scale=None):
    return _scaled(x, operation, operation.axis, scale, None)


def _scaled(x, operation, axis, scale, offset):
    over = axes(axis, len(x.shape))
    x = x * ops.rsqrt(ops.mean(x * x, axis=axis, keepdims=True) + _epsilon(operation))
    shape = [size if place in over else 1 for place, size in enumerate(x.shape)]
    x = x if scale is None else x * ops.reshape(scale, shape)
    return x if offset is None else x + ops.reshape(offset, shape)


def _last(lowering, call, kind_of):
    """A norm over the last axis as a node, or `Unfit`."""
    named = call.named()
    x = named.pop("x")
    if axes(call.operation.axis, len(x.shape)) != (len(x.shape) - 1,) or len(x.shape) < 2:
        raise Unfit("it normalises over other axes than the last")
    weights = {name: named.get(own) for name, own in kind_of.items()}
    if any(hasattr(each, "_keras_mask") for each in weights.values()):
        raise Unfit("its scale is computed")
    return lowering.value(x), {name: lowering.array(each, -1) for name, each in weights.items()}


def _layer_norm_node(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    if len(inputs) != 1 or getattr(call.operation, "rms_scaling", False):
        return traced(_layer_norm)(lowering, call, inputs)
    try:
        x, weights = _last(lowering, call, {"scale": "gamma", "offset": "beta"})
    except Unfit:
        return traced(_layer_norm)(lowering, call, inputs)
    return lowering.add("norm", call.name, [x], weights, epsilon=_epsilon(call.operation),
                        centred=False)


def _rms_norm_node(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    if len(inputs) != 1:
        return traced(_rms_norm)(lowering, call, inputs)
    try:
        x, weights = _last(lowering, call, {"scale": "scale"})
    except Unfit:
        return traced(_rms_norm)(lowering, call, inputs)
    return lowering.add("norm", call.name, [x], weights, epsilon=_epsilon(call.operation),
                        centred=True)


def _batch_norm(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    """Statistics that are known: a factor and an offset for each channel."""
    named, operation = call.named(), call.operation
    if len(inputs) != 1:
        raise Unfit("its statistics are computed")
    mean, variance, offset, scale = (
        lowering.array(named.get(name)) for name in ("mean", "variance", "offset", "scale"))
    factor = 1 / np.sqrt(variance + operation.epsilon)
    factor = factor if scale is None else factor * scale
    offset = (0 if offset is None else offset) - mean * factor
    rank, axis = len(call.tensors[0].shape), operation.axis
    shape = [-1 if place == axis % rank else 1 for place in range(rank)]
    if axis % rank == rank - 1:
        shape = [-1]
    weights = {name: each.astype(lowering.dtype).reshape(shape)
               for name, each in (("factor", factor), ("offset", offset))}
    return lowering.add("scale", call.name, inputs, weights)


TRACED = {
    "nn.Normalize": _normalize,
}
HANDLERS = {
    **{borrowed.operation(name): traced(function) for name, function in TRACED.items()},
    borrowed.operation("nn.LayerNorm"): _layer_norm_node,
    borrowed.operation("nn.RMSNorm"): _rms_norm_node,
    borrowed.operation("nn.BatchNorm"): _batch_norm,
}
