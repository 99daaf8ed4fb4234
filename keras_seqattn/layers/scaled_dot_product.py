"""Attention without projections: its inputs are heads."""

import typing

import keras

from keras_seqattn.errors import check_share, explain
from keras_seqattn.layers.attention import attend, check_flash, join_masks
from keras_seqattn.layers.fitting import as_mask, check_mask, check_scores_shape, fits
from keras_seqattn.layers.traced import TracedLayer
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class ScaledDotProductAttention(TracedLayer):
    """Lets each query read a mixture of the values whose keys it resembles.

    The layer has no weights, since its inputs are heads already. `MultiHeadAttention` is the usual
    layer, with projections.

    Args:
        dropout: Share of attention scores dropped in training, in `[0, 1)`.
        scale: Factor on the query before the product. Defaults to `H**-0.5`.
        flash_attention: `None` lets JAX and PyTorch pick a kernel. `False` forbids flash kernels.
            `True` insists on one, which JAX has for GPUs and TPUs.
        seed: Seed of the dropout. `None` draws one.

    Call arguments:
        query: Float, `(B, N, T, H)`.
        value: Float, `(B, K, S, H_v)`, where `K` divides `N`.
        key: Float, `(B, K, S, H)`. Defaults to `value`.
        query_mask: Boolean, `(B, T)`. `True` is a real token.
        value_mask: Boolean, `(B, S)`.
        key_mask: Boolean, `(B, S)`.
        attention_mask: Boolean, `(T, S)`, `(B, T, S)` or `(B, N, T, S)`. `True` may be read.
        return_attention_scores: If `True`, also returns the scores.
        training: Whether dropout acts.
        use_causal_mask: If `True`, query `t` reads keys `0 … S-T+t` only.

    Returns:
        Float, `(B, N, T, H_v)`. With scores, a pair whose second is `(B, N, T, S)`. Scores sum to 1
        over the last axis, and to 0 for a query that may read nothing.

    Raises:
        ValueError: `dropout` lies outside `[0, 1)`. An input is not of rank 4. Head sizes of query
            and key differ. The key/value heads do not divide the query heads. The sequences of key
            and value differ. `flash_attention=True` on JAX for a CPU.

    Example:

    >>> q, v = keras.ops.ones((2, 3, 5, 7)), keras.ops.ones((2, 3, 11, 7))
    >>> tuple(ScaledDotProductAttention()(q, v).shape)
    (2, 3, 5, 7)

    Masking: consumes the masks that are passed by name. Its inputs carry no mask of Keras.
    Cost: no weights. `2·N·T·S·H` multiply-adds per example.
    On device: MUL, SOFTMAX, 2 TRANSPOSE and 2 BATCH_MATMUL without transpose flags.
    Paper: Vaswani et al. 2017, section 3.2.1, equation 1.
    """

    @plain_numbers
    def __init__(self, dropout: float = 0.0, scale: float | None = None,
                 flash_attention: bool | None = None, seed: int | None = None,
                 **kwargs: typing.Any):
        super().__init__(**kwargs)
        check_share(dropout=dropout)
        check_flash(flash_attention, dropout)
        self.dropout = dropout
        self.scale = scale
        self.flash_attention = flash_attention
        self.seed = seed
        self._dropout_layer = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, query_shape: Shape, value_shape: Shape,
              key_shape: Shape | None = None) -> None:
        self._check_shapes(query_shape, value_shape, key_shape)

    def _check_shapes(self, query_shape, value_shape, key_shape):
        key_shape = value_shape if key_shape is None else key_shape
        shapes = {"query_shape": tuple(query_shape), "value_shape": tuple(value_shape),
                  "key_shape": tuple(key_shape)}
        for name, shape in shapes.items():
            if len(shape) != 4:
                raise ValueError(explain(
                    f"`{name.removesuffix('_shape')}` must have rank 4: "
                    "(batch, heads, positions, head size)", **{name: shape},
                    fix="split the heads first, or use MultiHeadAttention, which does it"))
        if not fits(query_shape[-1:], key_shape[-1:]):
            raise ValueError(explain(
                "`query` and `key` must have the same head size", **shapes,
                fix="project both to the same last axis"))
        if not fits(key_shape[:3], value_shape[:3]):
            raise ValueError(explain(
                "`key` and `value` must have the same batch, heads and positions", **shapes,
                fix="pass a key and a value of the same sequence"))
        if not fits(query_shape[:1], value_shape[:1]):
            raise ValueError(explain(
                "`query` and `value` must have the same batch", **shapes,
                fix="repeat the smaller one, so that each example reads its own"))
        query_heads, key_heads = query_shape[1], key_shape[1]
        if query_heads is not None and key_heads is not None and query_heads % key_heads:
            raise ValueError(explain(
                "the key/value heads must divide the query heads", query_heads=query_heads,
                key_heads=key_heads, fix="change the number of heads (axis 1)"))

    def call(self, query: Tensor, value: Tensor, key: Tensor | None = None,
             query_mask: Tensor | None = None, value_mask: Tensor | None = None,
             key_mask: Tensor | None = None, attention_mask: Tensor | None = None,
             return_attention_scores: bool = False, training: bool | None = None,
             use_causal_mask: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        key = value if key is None else key
        self._check_shapes(query.shape, value.shape, key.shape)
        query_mask, value_mask, key_mask, attention_mask = map(
            as_mask, (query_mask, value_mask, key_mask, attention_mask))
        check_mask((query.shape[0], *query.shape[2:]), query_mask=query_mask)
        check_mask((value.shape[0], *value.shape[2:]), value_mask=value_mask, key_mask=key_mask)
        check_scores_shape((*query.shape[:3], value.shape[2]), attention_mask=attention_mask)
        allowed = join_masks(query_mask, value_mask, key_mask, attention_mask)
        scale = query.shape[-1] ** -0.5 if self.scale is None else self.scale
        output, scores = attend(
            query, key, value, allowed, scale=scale, causal=use_causal_mask,
            drop=self._dropout_layer if training and self.dropout else None,
            flash_attention=self.flash_attention, return_attention_scores=return_attention_scores)
        return (output, scores) if return_attention_scores else output

    def compute_output_shape(self, query_shape: Shape, value_shape: Shape,
                             key_shape: Shape | None = None) -> Shape:
        self._check_shapes(query_shape, value_shape, key_shape)
        return (*query_shape[:-1], value_shape[-1])

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "dropout": self.dropout,
            "scale": self.scale,
            "flash_attention": self.flash_attention,
            "seed": self.seed,
        }
