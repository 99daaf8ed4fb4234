"""Activations: the functions of `keras.activations`, and the layers that apply nothing else."""

import keras
import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.call import Call
from keras_seqattn.edge.lower.elementwise import masked, traced, unary
from keras_seqattn.edge.lower.lowering import Lowering


def _gelu(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    return unary(lowering, "gelu", inputs[0], approximate=bool(call.operation.approximate))


def _leaky_relu(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    return unary(lowering, "leaky_relu", inputs[0],
                 negative_slope=float(call.operation.negative_slope))


def _elu(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    if call.operation.alpha == 1:
        return unary(lowering, "elu", inputs[0])
    alpha = float(call.operation.alpha)
    return lowering.apply(
        lambda x: ops.maximum(x, 0.0) + alpha * ops.elu(ops.minimum(x, 0.0)), *inputs)


def _relu(operation, x):
    """`keras.activations.relu` with a slope, a largest value and a threshold, as Keras has them."""
    slope, most, threshold = operation.negative_slope, operation.max_value, operation.threshold
    if slope and most is None and not threshold:
        return ops.leaky_relu(x, slope)
    if threshold:
        y = x * ops.cast(ops.greater(x, threshold), x.dtype)
    else:
        y = ops.relu6(x) if most == 6 else ops.relu(x)
    if most is not None and (threshold or most != 6):
        y = ops.clip(y, 0, most)
    return y - slope * ops.relu(threshold - x) if slope else y


def _softplus(_, x):
    return ops.relu(x) + ops.log1p(ops.exp(-ops.abs(x)))


def _celu(operation, x):
    alpha = operation.alpha
    return ops.relu(x) + alpha * ops.elu(ops.minimum(x, 0.0) * (1 / alpha))


def _selu(_, x):
    return 1.0507009873554805 * ops.elu(x, 1.6732632423543772)


def _glu(operation, x):
    half, gate = ops.split(x, 2, axis=operation.axis)
    return half * ops.sigmoid(gate)


def _sparse_plus(_, x):
    """0 up to -1, `x` from 1 on, a parabola between them."""
    inner = ops.clip(x, -1.0, 1.0) + 1.0
    return inner * inner * 0.25 + ops.relu(x - 1.0)


def _hard_shrink(operation, x):
    return x * ops.cast(ops.greater(ops.abs(x), operation.threshold), x.dtype)


def _sparsemax(operation, x):
    """As Keras computes it: a threshold from the running sums of the sorted numbers inside."""
    rank, axis = len(x.shape), operation.axis
    x = ops.moveaxis(x, axis, rank - 1)
    values, _ = ops.top_k(x, x.shape[-1])
    totals = ops.cumsum(values, axis=-1)
    places = np.arange(1, x.shape[-1] + 1, dtype="float32")
    inside = ops.cast(values * places + 1.0 > totals, "float32")
    count = ops.sum(inside, axis=-1, keepdims=True)
    threshold = (ops.sum(totals * inside, axis=-1, keepdims=True) - 1.0) / count
    return ops.moveaxis(ops.relu(x - threshold), rank - 1, axis)


def _prelu(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    slope = lowering.array(call.operation.alpha)
    return lowering.add("prelu", call.name, inputs, {"slope": slope})


def _softmax_layer(operation, x, mask=None):
    """`keras.layers.Softmax`: what the mask hides gets 0, also where it hides all."""
    if mask is None:
        return ops.softmax(x, operation.axis)
    mask = ops.cast(ops.greater(mask, 0.5) if mask.dtype != "bool" else mask, "float32")
    return ops.softmax(masked(x, mask), operation.axis) * mask


TRACED = {
    "activations.ReLU": _relu,
    "activations.Mish": lambda _, x: x * ops.tanh(ops.softplus(x)),
    "nn.Silu": lambda _, x: x * ops.sigmoid(x),
    "nn.Softplus": _softplus,
    "nn.LogSigmoid": lambda _, x: -ops.softplus(-x),
    "nn.Softsign": lambda _, x: x / (1 + ops.abs(x)),
    "nn.SoftShrink": lambda operation, x: x - ops.clip(
        x, -operation.threshold, operation.threshold),
    "nn.HardShrink": _hard_shrink,
    "nn.HardSigmoid": lambda _, x: ops.relu6(x + 3.0) * (1 / 6),
    "nn.HardTanh": lambda _, x: ops.clip(x, -1.0, 1.0),
    "nn.TanhShrink": lambda _, x: x - ops.tanh(x),
    "nn.SparsePlus": _sparse_plus,
    "nn.SparseSigmoid": lambda _, x: ops.clip(0.5 * (x + 1.0), 0.0, 1.0),
    "nn.Sparsemax": _sparsemax,
    "nn.Selu": _selu,
    "nn.Celu": _celu,
    "nn.Glu": _glu,
    "nn.Squareplus": lambda operation, x: 0.5 * (x + ops.sqrt(x * x + operation.b)),
    "nn.Threshold": lambda operation, x: ops.where(
        x > operation.threshold, x, ops.cast(operation.default_value, x.dtype)),
}
HANDLERS = {
    **{borrowed.operation(name): traced(function) for name, function in TRACED.items()},
    borrowed.operation("nn.Gelu"): _gelu,
    borrowed.operation("nn.LeakyRelu"): _leaky_relu,
    borrowed.operation("nn.Elu"): _elu,
    keras.layers.PReLU: _prelu,
    keras.layers.Softmax: traced(_softmax_layer),
}
