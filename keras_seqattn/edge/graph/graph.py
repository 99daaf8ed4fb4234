"""A model as a list of arithmetic nodes with NumPy weights: what folding reads and rewrites.

`lower.lower` makes a graph of a Keras model, the rules in `fold` change its weights, and
`Graph.run` computes it with Keras' ops: while a SavedModel is traced, or in float64 to prove a rule
exact.
"""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_seqattn.edge.lower import convolutions
from keras_seqattn.layers import masks
from keras_seqattn.layers.attention import attend

LINEAR_READS = {"mean", "first", "rest", "flatten"}  # affine maps pass through them


@dataclasses.dataclass(eq=False)
class Node:
    """One step of a graph.

    Attributes:
        kind: What it computes, a key of `KINDS`.
        name: Path of the layer it comes from.
        inputs: Numbers of the values it reads.
        outputs: Numbers of the values it makes.
        weights: NumPy arrays by name.
        settings: What else its kind needs.
    """

    kind: str
    name: str
    inputs: list
    outputs: list
    weights: dict = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)


class Graph:
    """Nodes in an order in which they can be computed, and the names of what goes in and out.

    Attributes:
        nodes: List of `Node`.
        inputs: Number of the value of each input, by its name.
        outputs: Number of the value of each output, by its name.
        notes: What was lowered or folded and what was left alone, one sentence each.
    """

    def __init__(self):
        self.nodes = []
        self.inputs = {}
        self.outputs = {}
        self.notes = []
        self._count = 0

    def new_value(self):
        """Returns the number of a value that no node makes yet."""
        self._count += 1
        return self._count - 1

    def add(self, kind, name, inputs, weights=None, num_outputs=1, **settings):
        """Appends a node and returns the value it makes, or a list of `num_outputs`."""
        outputs = [self.new_value() for _ in range(num_outputs)]
        kept = {key: array for key, array in (weights or {}).items() if array is not None}
        self.nodes.append(Node(kind, name, list(inputs), outputs, kept, settings))
        return outputs[0] if num_outputs == 1 else outputs

    def maker(self, value):
        """Returns the node that makes a value, or `None` for an input."""
        return next((node for node in self.nodes if value in node.outputs), None)

    def users(self, value):
        """Returns the nodes that read a value."""
        return [node for node in self.nodes if value in node.inputs]

    def dense_readers(self, value):
        """Returns the dense nodes that read a value, also through means and first positions.

        `None` if something else reads it too.
        """
        found = []
        if self.is_output(value):
            return None
        for user in self.users(value):
            readers = [user] if user.kind == "dense" else None
            if user.kind in LINEAR_READS:
                readers = self.dense_readers(user.outputs[0])
            if readers is None:
                return None
            found += readers
        return found

    def is_output(self, value):
        """Whether a value leaves the graph."""
        return value in self.outputs.values()

    def run(self, inputs, weight=lambda node, key: node.weights[key]):
        """Computes the outputs.

        Args:
            inputs: Tensor or array by input name.
            weight: Function of a node and the name of a weight; by default the node's array.

        Returns:
            Dictionary of tensors by output name, in the dtype of inputs and weights.
        """
        from tensorflow import name_scope

        values = {number: inputs[name] for name, number in self.inputs.items()}
        for node in self.nodes:
            weights = {key: weight(node, key) for key in node.weights}
            with name_scope(node.name):
                made = KINDS[node.kind](
                    *(values[each] for each in node.inputs), **weights, **node.settings)
            values.update(zip(
                node.outputs, made if isinstance(made, (list, tuple)) else [made], strict=True))
        return {name: values[number] for name, number in self.outputs.items()}

    def drop_unread(self):
        """Removes the nodes that no output needs."""
        needed, kept = set(self.outputs.values()), []
        for node in reversed(self.nodes):
            if needed & set(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
        self.nodes = kept[::-1]

    def num_bytes(self):
        """Bytes of all weights in float32, those of layers that were not lowered included."""
        arrays = [array.size for node in self.nodes for array in node.weights.values()]
        layers = {id(node.settings["operation"]): node.settings["operation"]
                  for node in self.nodes if node.kind == "call"}
        counts = [w.shape for layer in layers.values() for w in getattr(layer, "weights", ())]
        return 4 * (sum(arrays) + sum(int(np.prod(shape)) for shape in counts))


def _dense(x, kernel, bias=None, activation=None):
    y = ops.matmul(x, kernel)
    y = y if bias is None else y + bias
    return y if activation is None else activation(y)


def _conv(x, kernel, bias=None, activation=None, strides=1, padding="valid"):
    y = ops.conv(x, kernel, strides=strides, padding=padding, data_format="channels_last")
    y = y if bias is None else y + bias
    return y if activation is None else activation(y)


def _norm(x, scale=None, offset=None, epsilon=1e-6, centred=False):
    """LayerNorm; or RMSNorm, which equals it where the mean over the features is zero."""
    if not centred:
        x = x - ops.mean(x, axis=-1, keepdims=True)
    y = x * ops.rsqrt(ops.mean(x * x, axis=-1, keepdims=True) + epsilon)
    y = y if scale is None else y * scale
    return y if offset is None else y + offset


def _attention(query, key, value, num_heads, num_kv_heads, scale, causal, window, with_scores):
    def split(x, heads):
        x = ops.reshape(x, (-1, x.shape[1], heads, x.shape[2] // heads))
        return ops.transpose(x, (0, 2, 1, 3))                                 # (B, N, T, H)

    query, key, value = split(query, num_heads), split(key, num_kv_heads), split(
        value, num_kv_heads)
    allowed = None if window is None else masks.sliding_window(
        query.shape[2], key.shape[2], window=window)
    output, scores = attend(query, key, value, allowed, scale=scale, causal=causal,
                            return_attention_scores=with_scores)
    output = ops.transpose(output, (0, 2, 1, 3))                              # (B, T, N, H_v)
    output = ops.reshape(output, (-1, output.shape[1], num_heads * output.shape[3]))
    return [output, scores] if with_scores else output


def _received(scores, grid, num_prefix, has_token):
    """How much attention each patch receives, `(B, GH, GW)`: of the class token, else of all."""
    read = ops.mean(scores, axis=1)[:, :, num_prefix:]                        # (B, T, GH·GW)
    read = read[:, 0] if has_token else ops.mean(read[:, num_prefix:], axis=1)
    read = read / ops.sum(read, axis=-1, keepdims=True)
    return ops.reshape(read, (-1, *grid))


def _prepend(x, token):
    token = ops.broadcast_to(token, (ops.shape(x)[0], *token.shape[1:]))
    return ops.concatenate([token, x], axis=1)


def _repeat(x, rows, columns):
    """Nearest up-sampling within rank 4: each pixel so many times, then each row."""
    _, height, width, channels = x.shape
    x = ops.reshape(ops.concatenate([x] * columns, axis=3),
                    (-1, height, columns * width, channels))
    return ops.reshape(ops.concatenate([x] * rows, axis=2),
                       (-1, rows * height, columns * width, channels))


def _scale(x, factor, offset):
    return ops.cast(x, keras.backend.standardize_dtype(factor.dtype)) * factor + offset


def _call(*inputs, operation, arguments, tensors, function=None):
    args, kwargs = arguments.fill_in(dict(zip(map(id, tensors), inputs, strict=True)))
    if function is not None:
        return keras.tree.flatten(function(*args, **{
            key: value for key, value in kwargs.items() if key not in ("training", "mask")}))
    if getattr(operation, "_call_has_training_arg", False):
        kwargs["training"] = False
    return keras.tree.flatten(operation(*args, **kwargs))


KINDS = {
    "dense": _dense,
    "conv": _conv,
    "norm": _norm,
    "attention": _attention,
    "received": _received,
    "add": lambda a, b: a + b,
    "shift": lambda x, table: x + table,
    "prepend": _prepend,
    "tokens": lambda x, grid: ops.reshape(x, (-1, grid[0] * grid[1], x.shape[3])),
    "first": lambda x, count: x[:, :count],
    "rest": lambda x, count: x[:, count:],
    "mean": lambda x, axis=1: ops.mean(x, axis=axis),
    "flatten": lambda x: ops.reshape(x, (-1, x.shape[-1])),
    "repeat": _repeat,
    "scale": _scale,
    "call": _call,
    **convolutions.KINDS,
}
