"""Attention: `attend` is the only attention arithmetic of the house; every layer calls it.

Paper: Vaswani et al. 2017, section 3.2.1; grouped heads: Ainslie et al. 2023.
"""

import keras
from keras import ops

from keras_seqattn.errors import check_share, explain
from keras_seqattn.layers import masks

# Added to the logit of a key that may not be read: finite, so that no difference is NaN, and far
# below any logit of finite float16 inputs, so that such a key's share is exactly 0.
_FORBIDDEN = -1e30


def attend(query, key, value, allowed=None, *, scale, bias=None, causal=False, drop=None,
           flash_attention=None, return_attention_scores=False):
    """Reads `value` where `query` meets `key`: softmax(Q·Kᵀ·scale)·V, with masks.

    The query is scaled before the product; product and softmax run in float32 whatever the
    inputs' dtype. A query that may read nothing gets zeros.

    Args:
        query: Float, `(B, N, T, H)`.
        key: Float, `(B, K, S, H)`; `K` key/value heads, a divisor of `N`, each read by `N/K`
            neighbouring query heads.
        value: Float, `(B, K, S, H_v)`.
        allowed: Boolean, broadcasts to `(B, N, T, S)`; `True` may be read.
        scale: Factor on the query, usually `H**-0.5`.
        bias: Float, broadcasts to `(B, N, T, S)`: added to the logits, or `None`.
        causal: If `True`, query `t` reads keys `0 … S-T+t` only.
        drop: Function applied to the scores before they weigh the values (dropout), or `None`.
        flash_attention: `False` keeps JAX and PyTorch off their flash kernels, `True` insists,
            `None` lets the backend choose, on JAX among those for GPUs.
        return_attention_scores: If `True`, also returns the scores before dropout.

    Returns:
        Float, `(B, N, T, H_v)`, and the scores `(B, N, T, S)` or `None`.

    Cost: `2·B·N·T·S·H` multiply-adds; fused kernels do not hold the `B·N·T·S` scores.
    """
    dtype = keras.backend.standardize_dtype(query.dtype)
    if bias is None and _fused_kernel_serves(query, value, drop, return_attention_scores):
        output = _attend_fused(query, key, value, allowed, scale, causal, flash_attention)
        return finite(output), None

    if causal:
        allowed = masks.combine(allowed, masks.causal(ops.shape(query)[2], ops.shape(key)[2]))
    wide = keras.backend.result_type(dtype, "float32")
    query = ops.cast(query, wide) if scale == 1 else ops.cast(query, wide) * scale
    key = ops.transpose(ops.cast(key, wide), (0, 1, 3, 2))                   # (B, K, H, S)
    logits = _grouped_product(query, key)                                    # (B, N, T, S)
    if bias is not None:
        logits = logits + ops.cast(bias, wide)
    if allowed is None:
        scores = _softmax(logits)
    else:
        allowed = ops.cast(allowed, wide)
        scores = _softmax(logits + (1.0 - allowed) * _FORBIDDEN) * allowed
    scores = ops.cast(scores, dtype)
    weights = scores if drop is None else drop(scores)
    output = finite(_grouped_product(weights, value))              # (B, N, T, H_v)
    return output, scores if return_attention_scores else None


def _fused_kernel_serves(query, value, drop, return_attention_scores):
    """Whether the backend's fused kernel is both able and faster; TensorFlow's is slower."""
    return (keras.backend.backend() in ("jax", "torch") and drop is None
            and not return_attention_scores and query.shape[-1] == value.shape[-1])


def _attend_fused(query, key, value, allowed, scale, causal, flash_attention):
    num_queries, num_keys = query.shape[2], key.shape[2]
    if causal and (allowed is not None or num_queries != num_keys):
        allowed, causal = masks.combine(allowed, masks.causal(num_queries, num_keys)), False
    if allowed is not None:
        while len(allowed.shape) < 4:
            allowed = ops.expand_dims(allowed, 0)
        # A row without a key is NaN in some kernels: it reads all keys, and is put to zero below.
        reads = ops.any(allowed, axis=-1, keepdims=True)
        allowed = ops.logical_or(allowed, ops.logical_not(reads))
    query, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    if keras.backend.backend() == "torch" and query.shape[2] != key.shape[2]:
        groups = query.shape[2] // key.shape[2]
        key, value = ops.repeat(key, groups, axis=2), ops.repeat(value, groups, axis=2)
    output = ops.dot_product_attention(
        query, key, value, mask=allowed, scale=scale, is_causal=causal,
        flash_attention=_flash_kernel(flash_attention))
    output = ops.transpose(output, (0, 2, 1, 3))                           # (B, N, T, H_v)
    if allowed is not None:
        output = ops.where(reads, output, ops.zeros_like(output))
    return output


def _flash_kernel(wanted):
    """What Keras is told about flash kernels: on JAX `False`, unless all devices are GPUs.

    On a TPU Keras 3.15.1 would take its Splash kernel there. Without a mask that kernel is causal
    and ignores the scale. With a mask it gives all examples the mask of the first.
    """
    if keras.backend.backend() != "jax":
        return wanted
    devices = keras.distribution.list_devices()
    if all(device.startswith("gpu") for device in devices):
        return wanted
    if wanted:
        raise ValueError(explain(
            "`flash_attention=True` needs a GPU on JAX: CPUs have no flash kernel, and Keras' "
            "kernel for TPUs (Splash) gives wrong numbers", flash_attention=wanted,
            devices=devices, fix="leave flash_attention unset, and XLA fuses the plain product"))
    return False


def _grouped_product(left, right):
    """Matrix product over the last two axes; heads of `left` share those of `right` in groups.

    `(B, N, T, X) @ (B, K, X, Y) -> (B, N, T, Y)`. Instead of repeating `right`, the `N/K` heads
    that share one of its heads are stacked along `T`: rank 4 throughout, no copy.
    """
    num_heads, shared = left.shape[1], right.shape[1]
    if num_heads == shared:
        return ops.matmul(left, right)
    (_, _, rows, inner), columns = ops.shape(left), ops.shape(right)[3]
    left = ops.reshape(left, (-1, shared, num_heads // shared * rows, inner))
    return ops.reshape(ops.matmul(left, right), (-1, num_heads, rows, columns))


def _softmax(logits):
    """Softmax over the keys; of a single key it is 1, of which `ops.softmax` would warn."""
    return ops.ones_like(logits) if logits.shape[-1] == 1 else ops.softmax(logits, axis=-1)


def finite(x):
    """Brings what overflowed float16 back to its largest number, so that no NaN can follow."""
    is_half = keras.backend.standardize_dtype(x.dtype) == "float16"
    return ops.clip(x, -65504.0, 65504.0) if is_half else x


def check_flash(flash_attention, dropout):
    """Refuses to insist on a flash kernel together with dropout."""
    if flash_attention and dropout > 0:
        raise ValueError(explain(
            "`flash_attention=True` needs `dropout` to be 0, since the kernels have no dropout",
            flash_attention=flash_attention, dropout=dropout,
            fix="leave flash_attention unset or pass dropout=0.0"))


@keras.saving.register_keras_serializable(package="keras_seqattn")
class ScaledDotProductAttention(keras.layers.Layer):
    """Lets each query read a mixture of the values whose keys it resembles.

    It has no weights: inputs are already split into heads. For the usual layer with projections
    use `MultiHeadAttention`.

    Args:
        dropout: Share of attention scores dropped in training, in `[0, 1)`.
        scale: Factor on the query before the product. Defaults to `H**-0.5`.
        flash_attention: `None` lets JAX and PyTorch pick a kernel, `False` forbids flash kernels,
            `True` insists on one. JAX has one for GPUs alone.
        seed: Seed of the dropout. `None` draws one.

    Call arguments:
        query: Float, `(B, N, T, H)`.
        value: Float, `(B, K, S, H_v)`, where `K` divides `N`.
        key: Float, `(B, K, S, H)`. Defaults to `value`.
        query_mask: Boolean, `(B, T)`; `True` is a real token.
        value_mask: Boolean, `(B, S)`.
        key_mask: Boolean, `(B, S)`.
        attention_mask: Boolean, `(T, S)`, `(B, T, S)` or `(B, N, T, S)`; `True` may be read.
        return_attention_scores: If `True`, also returns the scores.
        training: Whether dropout acts.
        use_causal_mask: If `True`, query `t` reads keys `0 … S-T+t` only.

    Returns:
        Float, `(B, N, T, H_v)`; with scores, a pair whose second is `(B, N, T, S)` and sums to 1
        over its last axis, or to 0 for a query that may read nothing.

    Raises:
        ValueError: `dropout` outside `[0, 1)`; inputs not of rank 4; head sizes of query and key
            differ; the number of key/value heads does not divide the number of query heads;
            `flash_attention=True` on JAX without a GPU.

    Example:

    >>> q, v = keras.ops.ones((2, 3, 5, 7)), keras.ops.ones((2, 3, 11, 7))
    >>> tuple(ScaledDotProductAttention()(q, v).shape)
    (2, 3, 5, 7)

    Masking: consumes the masks that are passed by name; its inputs carry none of Keras'.
    Cost: no weights; `2·N·T·S·H` multiply-adds per example.
    On device: MUL, 2 TRANSPOSE, 2 BATCH_MATMUL without transpose flags, SOFTMAX.
    Paper: Vaswani et al. 2017, section 3.2.1, equation 1.
    """

    def __init__(self, dropout=0.0, scale=None, flash_attention=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        check_share(dropout=dropout)
        check_flash(flash_attention, dropout)
        self.dropout = dropout
        self.scale = scale
        self.flash_attention = flash_attention
        self.seed = seed
        self._dropout_layer = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        for name, shape in (("query", query_shape), ("value", value_shape), ("key", key_shape)):
            if len(shape) != 4:
                raise ValueError(explain(
                    f"`{name}` must have rank 4: (batch, heads, positions, head size)",
                    **{f"{name}_shape": tuple(shape)}, fix="split the heads first, or use "
                    "MultiHeadAttention, which does it"))
        if query_shape[-1] != key_shape[-1]:
            raise ValueError(explain(
                "`query` and `key` must have the same head size", query_shape=tuple(query_shape),
                key_shape=tuple(key_shape), fix="project both to the same last axis"))
        if key_shape[1:3] != value_shape[1:3]:
            raise ValueError(explain(
                "`key` and `value` must have the same heads and positions",
                key_shape=tuple(key_shape), value_shape=tuple(value_shape),
                fix="pass a key and a value of the same sequence"))
        if query_shape[1] % key_shape[1]:
            raise ValueError(explain(
                "the key/value heads must divide the query heads", query_heads=query_shape[1],
                key_heads=key_shape[1], fix="change the number of heads (axis 1)"))

    def call(self, query, value, key=None, query_mask=None, value_mask=None, key_mask=None,
             attention_mask=None, return_attention_scores=False, training=None,
             use_causal_mask=False):
        key = value if key is None else key
        allowed = join_masks(query_mask, value_mask, key_mask, attention_mask)
        scale = query.shape[-1] ** -0.5 if self.scale is None else self.scale
        output, scores = attend(
            query, key, value, allowed, scale=scale, causal=use_causal_mask,
            drop=self._dropout_layer if training and self.dropout else None,
            flash_attention=self.flash_attention, return_attention_scores=return_attention_scores)
        return (output, scores) if return_attention_scores else output

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        return (*query_shape[:-1], value_shape[-1])

    def compute_output_spec(self, *args, **kwargs):
        # Traced rather than told by the shape above, so that scores come out right.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def get_config(self):
        return {
            **super().get_config(),
            "dropout": self.dropout,
            "scale": self.scale,
            "flash_attention": self.flash_attention,
            "seed": self.seed,
        }


def join_masks(query_mask, value_mask, key_mask, attention_mask):
    """Joins the four masks to one that broadcasts to `(B, N, T, S)`, or `None`."""
    def lift(mask, *axes):
        return None if mask is None else ops.expand_dims(mask, axes)

    if attention_mask is not None:
        while len(attention_mask.shape) < 4:
            attention_mask = ops.expand_dims(attention_mask, -3)
    return masks.combine(lift(query_mask, 1, 3), lift(value_mask, 1, 2), lift(key_mask, 1, 2),
                         attention_mask)
