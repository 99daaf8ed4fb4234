"""How the kinds of Transformers are written: dense layers, norms, attention, tokens."""

import math
import typing

import keras
import numpy as np

from keras_seqattn.edge.tflite.write.arithmetic import binary, ints, reshape, transpose
from keras_seqattn.edge.tflite.write.body import Body
from keras_seqattn.edge.tflite.write.tensors import Tensor, Writers

LEAST = -1e9    # added to logits that may not be read; a float16 takes it for minus infinity
FUSED = {keras.activations.relu: "RELU", keras.ops.relu: "RELU", keras.activations.relu6: "RELU6"}
PLAIN = {keras.activations.tanh: "TANH", keras.activations.sigmoid: "LOGISTIC"}


def fused(activation: typing.Any) -> str:
    """Returns the name of an activation that ops apply themselves, `"NONE"` for others."""
    return FUSED.get(activation, "NONE")


def activated(body: Body, x: Tensor, activation: typing.Any) -> Tensor:
    """Writes an activation behind an op that was told those of `FUSED`."""
    if activation is None or activation in FUSED:
        return x
    if activation is keras.activations.gelu:
        return body.op("GELU", x, approximate=False)
    if activation is keras.activations.softmax:
        return body.op("SOFTMAX", x, beta=1.0)
    if activation is keras.activations.silu:
        return body.op("MUL", x, body.op("LOGISTIC", x), fusedActivationFunction="NONE")
    return body.op(PLAIN[activation], x)


def mean(body: Body, x: Tensor, axis: int | tuple[int, ...], keep: bool) -> Tensor:
    """Writes a mean over axes."""
    axes = [axis % len(x.shape)] if isinstance(axis, int) else [
        each % len(x.shape) for each in axis]
    return body.op("MEAN", x, body.constant(ints(axes)), keepDims=keep)


def add(body: Body, a: Tensor, b: Tensor, activation: str = "NONE") -> Tensor:
    """Writes a sum."""
    return binary(body, "ADD", a, b, fusedActivationFunction=activation)


def multiply(body: Body, a: Tensor, b: Tensor) -> Tensor:
    """Writes a product of numbers."""
    return binary(body, "MUL", a, b, fusedActivationFunction="NONE")


def write_dense(body: Body, x: Tensor, kernel: np.ndarray, bias: np.ndarray | None = None,
                activation: typing.Any = None) -> Tensor:
    """Writes a dense layer, `(…, D)` to `(…, E)`."""
    y = body.op("FULLY_CONNECTED", x, body.constant(kernel.T),
                None if bias is None else body.constant(bias),
                fusedActivationFunction=fused(activation), keepNumDims=True)
    return activated(body, y, activation)


def write_norm(body: Body, x: Tensor, scale: np.ndarray | None = None,
               offset: np.ndarray | None = None, epsilon: float = 1e-6,
               centred: bool = False) -> Tensor:
    """Writes a norm over the last axis."""
    if not centred:
        x = body.op("SUB", x, mean(body, x, -1, True), fusedActivationFunction="NONE")
    y = multiply(body, x, _inverse(body, x, -1, epsilon))
    y = y if scale is None else multiply(body, y, body.constant(scale))
    return y if offset is None else add(body, y, body.constant(offset))


def _inverse(body, x, axes, epsilon):
    """One over the root mean square of what has a mean of 0."""
    square = mean(body, multiply(body, x, x), axes, True)
    return body.op("RSQRT", add(body, square, body.constant(np.float32(epsilon))))


def write_group_norm(body: Body, x: Tensor, num_groups: int, epsilon: float,
                     activation: typing.Any = None, scale: np.ndarray | None = None,
                     offset: np.ndarray | None = None) -> Tensor:
    """Writes a norm over groups of channels of an image, within rank 4."""
    batch, height, width, channels = x.shape
    y = reshape(body, x, (batch, height * width, num_groups, channels // num_groups))
    y = body.op("SUB", y, mean(body, y, (1, 3), True), fusedActivationFunction="NONE")
    y = multiply(body, y, _inverse(body, y, (1, 3), epsilon))
    y = reshape(body, y, x.shape)
    y = y if scale is None else multiply(body, y, body.constant(scale))
    if offset is not None:
        return activated(body, add(body, y, body.constant(offset), fused(activation)), activation)
    if activation in FUSED:
        return body.op(FUSED[activation], y)
    return activated(body, y, activation)


def _heads(body, x, heads, order):
    batch, length, width = x.shape
    return transpose(body, reshape(body, x, (batch, length, heads, width // heads)), order)


def write_attention(body: Body, query: Tensor, key: Tensor, value: Tensor, num_heads: int,
                    num_kv_heads: int, scale: float, causal: bool, window: int | None,
                    with_scores: bool) -> Tensor | list[Tensor]:
    """Writes attention between tokens, within rank 4 and without flags of transposition."""
    batch, length, read = query.shape[0], query.shape[1], key.shape[1]
    query = _heads(body, query, num_heads, (0, 2, 1, 3))                      # (B, N, T, H)
    key = _heads(body, key, num_kv_heads, (0, 2, 3, 1))                       # (B, K, H, S)
    value = _heads(body, value, num_kv_heads, (0, 2, 1, 3))                   # (B, K, S, H)
    if scale != 1:
        query = multiply(body, query, body.constant(np.float32(scale)))
    rows = num_heads // num_kv_heads * length   # the query heads of one key are rows below another
    query = reshape(body, query, (batch, num_kv_heads, rows, query.shape[-1]))
    logits = body.op("BATCH_MATMUL", query, key, adjX=False, adjY=False)
    logits = reshape(body, logits, (batch, num_heads, length, read))
    allowed = _allowed(length, read, causal, window)
    if not allowed.all():
        barrier = np.where(allowed, 0, np.float32(LEAST))[None, None]
        logits = add(body, logits, body.constant(barrier))
    scores = body.op("SOFTMAX", logits, beta=1.0)
    if not allowed.any(axis=-1).all():          # who may read nothing gets zeros
        scores = multiply(body, scores, body.constant(
            allowed.any(axis=-1).astype("float32")[None, None, :, None]))
    output = body.op("BATCH_MATMUL", reshape(body, scores, (batch, num_kv_heads, rows, read)),
                     value, adjX=False, adjY=False)
    output = reshape(body, output, (batch, num_heads, length, output.shape[-1]))
    output = transpose(body, output, (0, 2, 1, 3))
    output = reshape(body, output, (batch, length, -1))
    return [output, scores] if with_scores else output


def _allowed(length, read, causal, window):
    """Who may read whom, `(T, S)`: `layers.masks` in NumPy."""
    back = np.arange(length)[:, None] + (read - length) - np.arange(read)
    allowed = np.ones((length, read), bool) if not causal else back >= 0
    return allowed if window is None else allowed & (np.abs(back) < window)


def write_received(body: Body, scores: Tensor, grid: list[int], num_prefix: int,
                   has_token: bool) -> Tensor:
    """Writes the share of attention that each patch receives, `(B, GH, GW)`."""
    read = mean(body, scores, 1, False)
    batch, length, keys = read.shape
    first = 0 if has_token else num_prefix
    rows = 1 if has_token else length - num_prefix
    read = body.op("SLICE", read, body.constant(ints([0, first, num_prefix])),
                   body.constant(ints([batch, rows, keys - num_prefix])))
    read = reshape(body, read, (batch, -1)) if has_token else mean(body, read, 1, False)
    total = body.op("SUM", read, body.constant(ints([1])), keepDims=True)
    read = body.op("DIV", read, total, fusedActivationFunction="NONE")
    return reshape(body, read, (batch, *grid))


def write_add(body: Body, a: Tensor, b: Tensor) -> Tensor:
    """Writes the sum of a residual stream."""
    return add(body, a, b)


def write_shift(body: Body, x: Tensor, table: np.ndarray) -> Tensor:
    """Writes a sum with a table."""
    return add(body, x, body.constant(table))


def write_prepend(body: Body, x: Tensor, token: np.ndarray) -> Tensor:
    """Writes tokens in front of others."""
    token = np.broadcast_to(token, (x.shape[0], *token.shape[1:]))
    return body.op("CONCATENATION", body.constant(np.ascontiguousarray(token)), x, axis=1,
                   fusedActivationFunction="NONE")


def _positions(body, x, start, count):
    if (start, count) == (0, x.shape[1]):
        return x
    starts = [0, start] + [0] * (len(x.shape) - 2)
    sizes = [x.shape[0], count, *x.shape[2:]]
    return body.op("SLICE", x, body.constant(ints(starts)), body.constant(ints(sizes)))


def write_first(body: Body, x: Tensor, count: int) -> Tensor:
    """Writes the first positions."""
    return _positions(body, x, 0, count)


def write_rest(body: Body, x: Tensor, count: int) -> Tensor:
    """Writes the positions behind the first ones."""
    return _positions(body, x, count, x.shape[1] - count)


def write_mean(body: Body, x: Tensor, axis: int | tuple[int, ...] = 1) -> Tensor:
    """Writes a mean over positions, or over rows and columns."""
    return mean(body, x, axis, False)


def write_flatten(body: Body, x: Tensor) -> Tensor:
    """Writes one token as features."""
    return reshape(body, x, (-1, x.shape[-1]))


def write_tokens(body: Body, x: Tensor, grid: list[int]) -> Tensor:
    """Writes an image as tokens."""
    return reshape(body, x, (x.shape[0], math.prod(grid), x.shape[3]))


def write_scale(body: Body, x: Tensor, factor: np.ndarray, offset: np.ndarray) -> Tensor:
    """Writes a factor and an offset."""
    if x.dtype != "float32":
        x = body.op("CAST", x, inDataType=x.dtype, outDataType="float32")
    y = x if (factor == 1).all() else multiply(body, x, body.constant(factor))
    return y if not np.any(offset) else add(body, y, body.constant(offset))


WRITERS: Writers = {
    "dense": write_dense,
    "norm": write_norm,
    "group_norm": write_group_norm,
    "attention": write_attention,
    "received": write_received,
    "add": write_add,
    "shift": write_shift,
    "prepend": write_prepend,
    "first": write_first,
    "rest": write_rest,
    "mean": write_mean,
    "flatten": write_flatten,
    "tokens": write_tokens,
    "scale": write_scale,
}
