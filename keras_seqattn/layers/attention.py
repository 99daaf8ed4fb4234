"""Attention: `attend` is the only attention arithmetic of the house, and every layer calls it."""

from collections.abc import Callable

import keras
from keras import ops

from keras_seqattn.errors import explain
from keras_seqattn.layers import masks
from keras_seqattn.layers.fused_attention import device_kind, fused_kernel
from keras_seqattn.shapes import Tensor

# Added to the logit of a key that may not be read. It is finite, so that no difference is NaN. It
# is far below any logit of finite float16 inputs, so that the share of such a key is exactly 0.
_FORBIDDEN = -1e30


def attend(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None, *,
           scale: float, bias: Tensor | None = None, causal: bool = False,
           drop: Callable[[Tensor], Tensor] | None = None, flash_attention: bool | None = None,
           return_attention_scores: bool = False) -> tuple[Tensor, Tensor | None]:
    """Reads `value` where `query` meets `key`: softmax(Q·Kᵀ·scale)·V, with masks.

    The query is scaled before the product. Product and softmax run in float32, whatever the dtype
    of the inputs. A query that may read nothing gets zeros.

    Args:
        query: Float, `(B, N, T, H)`.
        key: Float, `(B, K, S, H)`. The number `K` of key/value heads divides `N`. Each of them is
            read by `N/K` neighbouring query heads.
        value: Float, `(B, K, S, H_v)`.
        allowed: Boolean, broadcasts to `(B, N, T, S)`. `True` may be read.
        scale: Factor on the query, usually `H**-0.5`.
        bias: Float, broadcasts to `(B, N, T, S)`. It is added to the logits. A key whose bias is
            -inf may not be read.
        causal: If `True`, query `t` reads keys `0 … S-T+t` only.
        drop: Dropout, a function that is applied to the scores before they weigh the values.
        flash_attention: `None` picks a kernel where one is faster, on JAX for GPUs and TPUs.
            `False` forbids flash kernels. `True` insists on one.
        return_attention_scores: If `True`, also returns the scores before dropout.

    Returns:
        Float, `(B, N, T, H_v)`, and the scores `(B, N, T, S)` or `None`.

    Raises:
        ValueError: `flash_attention=True` where no flash kernel serves: on TensorFlow, on JAX for
            a CPU, with scores, with a bias or with dropout. On a GPU also if `H_v` is not `H`. On a
            TPU also in float16, for a batch that the devices do not divide, and for more keys than
            a TPU's fast memory holds, some ten thousand.

    Cost: `2·B·N·T·S·H` multiply-adds. Fused kernels do not hold the `B·N·T·S` scores.
    Paper: Vaswani et al. 2017, section 3.2.1.
    Paper: Ainslie et al. 2023, for heads in groups.
    """
    dtype = keras.backend.standardize_dtype(query.dtype)
    if bias is None and drop is None and not return_attention_scores:
        kernel = fused_kernel(query, key, value, flash_attention)
        if kernel is not None:
            allowed = with_heads(allowed)
            return finite(kernel(query, key, value, allowed, scale, causal)), None
    if flash_attention:
        raise ValueError(explain(
            "`flash_attention=True` finds no flash kernel for this call",
            flash_attention=flash_attention, backend=keras.backend.backend(),
            device=device_kind(), return_attention_scores=return_attention_scores,
            attention_bias=bias is not None, dropout=drop is not None,
            query_shape=tuple(query.shape), value_shape=tuple(value.shape), dtype=dtype,
            fix="leave flash_attention unset, and the plain product serves"))

    if causal:
        allowed = masks.combine(allowed, masks.causal(ops.shape(query)[2], ops.shape(key)[2]))
    wide = keras.backend.result_type(dtype, "float32")
    if bias is not None:
        bias = ops.cast(bias, wide)
        allowed = masks.combine(allowed, bias > -float("inf"))
        bias = ops.maximum(bias, _FORBIDDEN)
    query = ops.cast(query, wide) if scale == 1 else ops.cast(query, wide) * scale
    key = ops.transpose(ops.cast(key, wide), (0, 1, 3, 2))                   # (B, K, H, S)
    logits = _grouped_product(query, key)                                    # (B, N, T, S)
    if bias is not None:
        logits = logits + bias
    if allowed is None:
        scores = _softmax(logits)
    else:
        allowed = ops.cast(allowed, wide)
        scores = _softmax(logits + (1.0 - allowed) * _FORBIDDEN) * allowed
    scores = ops.cast(scores, dtype)
    weights = scores if drop is None else drop(scores)
    output = finite(_grouped_product(weights, value))              # (B, N, T, H_v)
    return output, scores if return_attention_scores else None


def _grouped_product(left, right):
    """Matrix product over the last two axes. Heads of `left` share those of `right` in groups.

    `(B, N, T, X) @ (B, K, X, Y) -> (B, N, T, Y)`. The `N/K` heads of `left` that share one of
    `right` are stacked along `T`. So the rank stays 4, and `right` is not copied.
    """
    num_heads, shared = left.shape[1], right.shape[1]
    if num_heads == shared:
        return ops.matmul(left, right)
    (_, _, rows, inner), columns = ops.shape(left), ops.shape(right)[3]
    left = ops.reshape(left, (-1, shared, num_heads // shared * rows, inner))
    return ops.reshape(ops.matmul(left, right), (-1, num_heads, rows, columns))


def _softmax(logits):
    """Softmax over the keys. Of a single key it is 1, and `ops.softmax` would warn of that."""
    return ops.ones_like(logits) if logits.shape[-1] == 1 else ops.softmax(logits, axis=-1)


def finite(x: Tensor) -> Tensor:
    """Brings what overflowed float16 back to its largest number, so that no NaN can follow."""
    is_half = keras.backend.standardize_dtype(x.dtype) == "float16"
    return ops.clip(x, -65504.0, 65504.0) if is_half else x


def check_flash(flash_attention: bool | None, dropout: float) -> None:
    """Refuses to insist on a flash kernel together with dropout."""
    if flash_attention and dropout > 0:
        raise ValueError(explain(
            "`flash_attention=True` needs `dropout` to be 0, since the kernels have no dropout",
            flash_attention=flash_attention, dropout=dropout,
            fix="leave flash_attention unset or pass dropout=0.0"))


def join_masks(query_mask: Tensor | None, value_mask: Tensor | None, key_mask: Tensor | None,
               attention_mask: Tensor | None) -> Tensor | None:
    """Joins the four masks of a call to one that broadcasts to `(B, N, T, S)`."""
    def lift(mask, *axes):
        return None if mask is None else ops.expand_dims(mask, axes)

    return masks.combine(lift(query_mask, 1, 3), lift(value_mask, 1, 2), lift(key_mask, 1, 2),
                         with_heads(attention_mask))


def with_heads(given: Tensor | None) -> Tensor | None:
    """From a mask or a bias of the scores, `(T, S)` or `(B, T, S)`, to `(B, N, T, S)`."""
    while given is not None and len(given.shape) < 4:
        given = ops.expand_dims(given, -3)
    return given
