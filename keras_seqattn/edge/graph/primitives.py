"""The plain kinds of nodes: one function of `keras.ops` each, on tensors of any rank.

A node that a family names by `function` computes the function of `keras.ops` of that name.
"""

import typing

import keras
from keras import ops

from keras_seqattn.edge.graph.kind import Kind, always
from keras_seqattn.shapes import Tensor


def _named(*tensors, function, **options):
    return getattr(ops, function)(*tensors, **options)


def _binary(a, b, function, aligned):
    return getattr(ops, function)(a, b)


def _top_k(x, k):
    return list(ops.top_k(x, k))


def _slice(x, starts, sizes, strides):
    return x[tuple(slice(start, start + (size - 1) * stride + 1, stride)
                   for start, size, stride in zip(starts, sizes, strides, strict=True))]


def _flip(x, axis):
    return ops.flip(x, axis)


def _lookup(ids, table):
    return ops.take(table, ids, axis=0)


def _one_hot(ids, num_classes, axis, dtype):
    last = len(ids.shape)       # Keras infers no shape where the last axis is named by its number
    return ops.one_hot(ids, num_classes, axis=-1 if axis == last else axis, dtype=dtype)


def _resize(x, size, interpolation):
    return ops.image.resize(x, size, interpolation, data_format="channels_last")


def activated(y: Tensor, bias: Tensor | None, activation: typing.Any) -> Tensor:
    """Adds a bias and applies an activation, where there are such."""
    y = y if bias is None else y + bias
    return y if activation is None else activation(y)


def _depthwise(x, kernel, strides, padding, dilation, bias=None, activation=None):
    return activated(ops.depthwise_conv(
        x, kernel, strides, padding, data_format="channels_last", dilation_rate=dilation),
        bias, activation)


def _conv_transpose(x, kernel, strides, padding, output_padding, bias=None):
    return activated(ops.conv_transpose(
        x, kernel, strides, padding, output_padding, data_format="channels_last"), bias, None)


def _lstm(x, *state, kernel, recurrent_kernel, bias):
    """All outputs of an LSTM, `(B, T, U)`."""
    units = recurrent_kernel.shape[0]
    output, cell = state or [ops.zeros((x.shape[0], units), "float32")] * 2
    outputs = []
    for t in range(x.shape[1]):
        gates = ops.matmul(x[:, t], kernel) + ops.matmul(output, recurrent_kernel) + bias
        enter, keep, new, leave = (
            gates[:, place * units:(place + 1) * units] for place in range(4))
        cell = ops.sigmoid(keep) * cell + ops.sigmoid(enter) * ops.tanh(new)
        output = ops.sigmoid(leave) * ops.tanh(cell)
        outputs.append(output)
    return ops.stack(outputs, axis=1)


def _scan(*values, step, num_sequences, num_states):
    """Runs a graph at each position of sequences `(B, T, …)`, to outputs `(B, T, …)` and states."""
    sequences, rest = values[:num_sequences], values[num_sequences:]
    states, captured = list(rest[:num_states]), rest[num_states:]
    outputs = []
    for t in range(sequences[0].shape[1]):
        given = [*(each[:, t] for each in sequences), *states, *captured]
        output, *states = step.run(dict(zip(step.inputs, given, strict=True))).values()
        outputs.append(output)
    return [ops.stack(outputs, axis=1), *states]


def _while(*values, condition, once, num_loop):
    """Runs `once` as long as `condition` holds, on the first `num_loop` values."""
    if any(isinstance(value, keras.KerasTensor) for value in values):
        return [keras.KerasTensor(each.shape, each.dtype) for each in values[:num_loop]]
    captured = values[num_loop:]

    def run(graph, looped):
        known = (*looped, *captured)
        return list(graph.run({name: known[int(name)] for name in graph.inputs}).values())

    return list(ops.while_loop(lambda *looped: run(condition, looped)[0],
                               lambda *looped: run(once, looped), values[:num_loop]))


def _constant(value: Tensor) -> Tensor:
    return value


def _is_aligned(settings: dict[str, typing.Any], place: int) -> bool:
    return settings["aligned"]


def _prelu(x, slope):
    return ops.relu(x) - ops.multiply(slope, ops.relu(-x))


PRIMITIVES = {
    "constant": Kind(_constant),
    "unary": Kind(_named, per_token=always),
    "binary": Kind(_binary, per_token=_is_aligned),
    "where": Kind(ops.where),
    "cast": Kind(lambda x, dtype: ops.cast(x, dtype), per_token=always),
    "prelu": Kind(_prelu),
    "softmax": Kind(lambda x, axis: ops.softmax(x, axis)),
    "log_softmax": Kind(lambda x, axis: ops.log_softmax(x, axis)),
    "reduce": Kind(_named),
    "index_of": Kind(_named),
    "top_k": Kind(_top_k),
    "cumsum": Kind(lambda x, axis: ops.cumsum(x, axis)),
    "matmul": Kind(lambda a, b: ops.matmul(a, b)),
    "reshape": Kind(lambda x, shape: ops.reshape(x, shape)),
    "transpose": Kind(lambda x, axes: ops.transpose(x, axes)),
    "concatenate": Kind(lambda *tensors, axis: ops.concatenate(tensors, axis)),
    "slice": Kind(_slice),
    "pad": Kind(lambda x, sides, mode="constant", value=0: ops.pad(
        x, sides, mode, **({"constant_values": value} if mode == "constant" else {}))),
    "broadcast": Kind(lambda x, shape: ops.broadcast_to(x, shape)),
    "tile": Kind(lambda x, repeats: ops.tile(x, repeats)),
    "take": Kind(lambda x, ids, axis: ops.take(x, ids, axis)),
    "lookup": Kind(_lookup, per_token=always),
    "one_hot": Kind(_one_hot),
    "flip": Kind(_flip),
    "resize": Kind(_resize),
    "average_pool": Kind(lambda x, size, strides, padding: ops.average_pool(
        x, size, strides, padding, data_format="channels_last")),
    "depthwise": Kind(_depthwise),
    "conv_transpose": Kind(_conv_transpose),
    "lstm": Kind(_lstm),
    "scan": Kind(_scan),
    "while": Kind(_while),
    "update": Kind(lambda x, part, *places: ops.slice_update(x, places, part)),
}
