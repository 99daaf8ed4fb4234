"""Every kind of node: what it computes, and what rules may assume of it.

`KINDS` has one row per kind. Rules ask the row and name no sets of kinds of their own, so a new
kind is one new row. Rules rely on nothing that a row does not promise.
"""

import math

import keras
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.graph.kind import JOINS, WRITES, Kind, always
from keras_seqattn.edge.graph.primitives import PRIMITIVES, activated
from keras_seqattn.layers import masks
from keras_seqattn.layers.attention import attend

# Functions that a node may apply to what it makes.
ACTIVATIONS = (
    keras.activations.relu, keras.activations.relu6, keras.activations.gelu,
    keras.activations.tanh, keras.activations.sigmoid, keras.activations.softmax,
    keras.activations.silu, ops.relu)


def _dense(x, kernel, bias=None, activation=None):
    return activated(ops.matmul(x, kernel), bias, activation)


def _conv(x, kernel, bias=None, activation=None, strides=1, padding="valid", dilation=1):
    y = ops.conv(x, kernel, strides=strides, padding=padding, data_format="channels_last",
                 dilation_rate=dilation)
    return activated(y, bias, activation)


def _norm(x, scale=None, offset=None, epsilon=1e-6, centred=False):
    """LayerNorm; or RMSNorm, which equals it where the mean over the features is zero."""
    if not centred:
        x = x - ops.mean(x, axis=-1, keepdims=True)
    y = x * ops.rsqrt(ops.mean(x * x, axis=-1, keepdims=True) + epsilon)
    y = y if scale is None else y * scale
    return y if offset is None else y + offset


def _group_norm(x, num_groups, epsilon, activation=None, scale=None, offset=None):
    """Normalises groups of channels over the image; Keras' own layer takes tensors of rank 5."""
    _, height, width, channels = x.shape
    y = ops.reshape(x, (-1, height * width, num_groups, channels // num_groups))
    y = y - ops.mean(y, axis=(1, 3), keepdims=True)
    y = y * ops.rsqrt(ops.mean(y * y, axis=(1, 3), keepdims=True) + epsilon)
    y = ops.reshape(y, (-1, height, width, channels))
    return activated(y if scale is None else y * scale, offset, activation)


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


def _query_alone(settings, place):
    """A position of the output needs all keys; of the queries its own, where none are counted."""
    return place == 0 and not settings["causal"] and settings["window"] is None


def _received(scores, grid, num_prefix, has_token):
    """Share of attention that each patch receives, `(B, GH, GW)`.

    The class token gives it, or all tokens where there is none.
    """
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


def _max_pool(x, size, strides, padding):
    return ops.max_pool(x, size, strides, padding, data_format="channels_last")


def _scale(x, factor, offset):
    return ops.cast(x, keras.backend.standardize_dtype(factor.dtype)) * factor + offset


def _call(*inputs, call):
    """An operation itself, as a `Call` calls it."""
    args, kwargs = call.arguments(inputs)
    if borrowed.takes_training(call.operation):
        kwargs["training"] = False
    return keras.tree.flatten(call.operation(*args, **kwargs))


KINDS = {
    # of tokens, (B, T, D)
    "dense": Kind(_dense, per_token=always, stream=WRITES),
    "norm": Kind(_norm, per_token=always),
    "attention": Kind(_attention, per_token=_query_alone),
    "received": Kind(_received, reads_first=lambda settings: settings["has_token"]),
    "add": Kind(lambda a, b: a + b, per_token=always, stream=JOINS),
    "shift": Kind(lambda x, table: x + table, per_token=always, per_position=("table",),
                  stream=JOINS),
    "prepend": Kind(_prepend, stream=JOINS),
    "first": Kind(lambda x, count: x[:, :count], per_token=always, reads_first=always,
                  passes_affine=True, stream=JOINS),
    "rest": Kind(lambda x, count: x[:, count:], passes_affine=True, stream=JOINS),
    "mean": Kind(lambda x, axis=1: ops.mean(x, axis=axis), passes_affine=True),
    "flatten": Kind(lambda x: ops.reshape(x, (-1, x.shape[-1])), passes_affine=True),
    "scale": Kind(_scale),
    # of images, (B, height, width, channels)
    "conv": Kind(_conv, stream=WRITES),
    "group_norm": Kind(_group_norm),
    "max_pool": Kind(_max_pool),
    "repeat": Kind(_repeat, passes_affine=True),
    "tokens": Kind(lambda x, grid: ops.reshape(x, (-1, math.prod(grid), x.shape[3])),
                   passes_affine=True, stream=JOINS),
    # of whatever else there is
    "call": Kind(_call),
    **PRIMITIVES,
}
