"""Attention between two sequences through several learned projections."""

import typing
from collections.abc import Sequence

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_share
from keras_seqattn.layers import masks
from keras_seqattn.layers.attention import check_flash, finite, join_masks, with_heads
from keras_seqattn.layers.attention_product import AttentionProduct
from keras_seqattn.layers.fitting import as_mask, check_mask, check_scores_shape, check_width
from keras_seqattn.layers.head_axes import HeadAxes, axes_tuple, check_shapes
from keras_seqattn.layers.projection import project
from keras_seqattn.layers.settings import Constraint, Initializer, Regularizer
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class MultiHeadAttention(AttentionProduct):
    """Lets each position of one sequence read another through several learned projections.

    A drop-in for `keras.layers.MultiHeadAttention`. The constructor and the call have the same
    arguments in the same order. The weights have the same names, and the numbers are the same where
    Keras is right. Where Keras contradicts itself, this layer differs:

    - A query that may read nothing gets zeros, with and without scores.
    - `query_mask` counts when it is passed by hand.
    - Causal masks are aligned to the end.
    - The softmax runs in float32.

    Args:
        num_heads: Number of query heads `N`.
        key_dim: Size `H` of one head of query and key.
        value_dim: Size of one head of the value. Defaults to `key_dim`.
        dropout: Share of attention scores dropped in training, in `[0, 1)`.
        use_bias: Whether the projections have biases.
        output_shape: Last axes of the output, an integer or a tuple. Defaults to the query's `D`.
        attention_axes: Axes of the inputs that are attended over. Defaults to all but the first
            and the last.
        sliding_window: If set, a query reads keys fewer than this many positions away.
        flash_attention: `None` lets JAX and PyTorch pick a kernel. `False` forbids flash kernels.
            `True` insists on one, which JAX has for GPUs and TPUs.
        kernel_initializer, bias_initializer: Initialisers of the projections.
        kernel_regularizer, bias_regularizer: Regularisers of the projections.
        activity_regularizer: Regulariser of what the projections make.
        kernel_constraint, bias_constraint: Constraints on the projections.
        use_gate: If `True`, a sigmoid gate computed from the query scales each head's output.
        seed: Seed of the dropout. `None` draws one.
        num_kv_heads: Number `K` of key/value heads, a divisor of `num_heads`. Defaults to
            `num_heads`. 1 is multi-query attention.
        use_qkv_bias: Whether the projections of query, key, value and gate have biases. Defaults
            to `use_bias`.

    Call arguments:
        query: Float, `(B, T, D)`, or with more axes of positions.
        value: Float, `(B, S, D_v)`.
        key: Float, `(B, S, D_k)`. Defaults to `value`.
        query_mask: Boolean, `(B, T)`. `True` is a real token. Keras fills it in.
        value_mask: Boolean, `(B, S)`. Keras fills it in.
        key_mask: Boolean, `(B, S)`. Keras fills it in.
        attention_mask: Boolean, `(T, S)`, `(B, T, S)` or `(B, N, T, S)`. `True` may be read.
        return_attention_scores: If `True`, also returns the scores.
        training: Whether dropout acts.
        use_causal_mask: If `True`, query `t` reads keys `0 … S-T+t` only.
        attention_bias: Float, of a shape as for `attention_mask`. It is added to the logits, such
            as a relative position.

    Returns:
        Float, `(B, T, D)`. With scores, a pair whose second is `(B, N, T, S)`. A query that may
        read nothing is zero before the output projection, so it leaves as the output's bias.

    Raises:
        ValueError: A size is below 1. `dropout` lies outside `[0, 1)`. `num_kv_heads` does not
            divide `num_heads`. Ranks, positions or the attention mask do not fit each other.
            `flash_attention=True` on JAX for a CPU.

    Example:

    >>> layer = MultiHeadAttention(num_heads=4, key_dim=3, num_kv_heads=2)
    >>> tuple(layer(keras.ops.ones((2, 5, 12)), keras.ops.ones((2, 7, 12))).shape)
    (2, 5, 12)

    Masking: consumes the masks of query, key and value, and passes the query's mask on.
    Cost: weights `D·H·(N + K) + D_v·H_v·(N + K)` (+ biases). Multiply-adds `O(T·S·N·H)`.
    On device: 4 FULLY_CONNECTED, SOFTMAX, TRANSPOSE, RESHAPE and 2 BATCH_MATMUL without transpose
    flags. Int8 weights are supported. The rank is 4 at most.
    Paper: Vaswani et al. 2017, section 3.2.2.
    Paper: Qiu et al. 2025, for the gate. Ainslie et al. 2023, for `num_kv_heads`.
    """

    @plain_numbers
    def __init__(self, num_heads: int, key_dim: int, value_dim: int | None = None,
                 dropout: float = 0.0, use_bias: bool = True,
                 output_shape: int | Sequence[int] | None = None,
                 attention_axes: int | Sequence[int] | None = None,
                 sliding_window: int | None = None, flash_attention: bool | None = None,
                 kernel_initializer: Initializer = "glorot_uniform",
                 bias_initializer: Initializer = "zeros", kernel_regularizer: Regularizer = None,
                 bias_regularizer: Regularizer = None, activity_regularizer: Regularizer = None,
                 kernel_constraint: Constraint = None, bias_constraint: Constraint = None,
                 use_gate: bool = False, seed: int | None = None, num_kv_heads: int | None = None,
                 use_qkv_bias: bool | None = None, **kwargs: typing.Any):
        super().__init__(
            num_heads, key_dim, value_dim, num_kv_heads, use_bias, use_qkv_bias, use_gate,
            output_shape, kernel_initializer, bias_initializer, kernel_regularizer,
            bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, **kwargs)
        if sliding_window is not None:
            check_count(sliding_window=sliding_window)
        check_share(dropout=dropout)
        check_flash(flash_attention, dropout)
        self.dropout = dropout
        self.attention_axes = axes_tuple("attention_axes", attention_axes)
        self.sliding_window = sliding_window
        self.flash_attention = flash_attention
        self.seed = seed
        self.supports_masking = True
        self._dropout_layer = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, query_shape: Shape, value_shape: Shape,
              key_shape: Shape | None = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        check_shapes(query_shape, value_shape, key_shape, self.attention_axes)
        self._axes = HeadAxes(len(query_shape), self.num_heads, self.attention_axes)
        self._built_shapes = {
            "query": tuple(query_shape), "value": tuple(value_shape), "key": tuple(key_shape)}
        self._build_projections(query_shape, value_shape, key_shape)

    def call(self, query: Tensor, value: Tensor, key: Tensor | None = None,
             query_mask: Tensor | None = None, value_mask: Tensor | None = None,
             key_mask: Tensor | None = None, attention_mask: Tensor | None = None,
             return_attention_scores: bool = False, training: bool | None = None,
             use_causal_mask: bool = False,
             attention_bias: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        query_mask, value_mask, key_mask, attention_mask = map(
            as_mask, (query_mask, value_mask, key_mask, attention_mask))
        if attention_bias is not None:
            attention_bias = ops.convert_to_tensor(attention_bias)
        self._check_call(query, value, key, query_mask, value_mask, key_mask, attention_mask,
                         attention_bias)
        axes, asked, read = self._axes, ops.shape(query)[:-1], ops.shape(value)[:-1]
        allowed = join_masks(
            axes.mask(query_mask, asked), axes.mask(value_mask, read), axes.mask(key_mask, read),
            axes.flat_scores(attention_mask, asked, read))
        keys, values = self.keys_and_values(value, key)
        output, scores = self._read(
            query, keys, values, allowed, causal=use_causal_mask, training=training,
            bias=with_heads(axes.flat_scores(attention_bias, asked, read)),
            return_attention_scores=return_attention_scores)
        if not return_attention_scores:
            return output
        return output, axes.scores(scores, asked, read)

    def _check_call(self, query, value, key, query_mask, value_mask, key_mask, attention_mask,
                    attention_bias):
        """Refuses inputs of other shapes than those of `build`, and masks of other lengths."""
        key = value if key is None else key
        check_shapes(query.shape, value.shape, key.shape, self.attention_axes)
        for name, x in (("query", query), ("value", value), ("key", key)):
            check_width(type(self).__name__, self._built_shapes[name], **{name: x})
        check_mask(query.shape, query_mask=query_mask)
        check_mask(value.shape, value_mask=value_mask, key_mask=key_mask)
        if len(query.shape) == 3:
            check_scores_shape(
                (query.shape[0], self.num_heads, query.shape[1], value.shape[1]),
                attention_mask=attention_mask, attention_bias=attention_bias)

    def keys_and_values(self, value: Tensor, key: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Projects the sequence that is read, so that it can be kept and read again.

        Args:
            value: Float, `(B, S, D_v)`.
            key: Float, `(B, S, D_k)`. Defaults to `value`.

        Returns:
            Keys, `(B, K, S, H)`, and values, `(B, K, S, H_v)`.
        """
        key = value if key is None else key
        return (self._axes.split(project(self._key_dense, key)),
                self._axes.split(project(self._value_dense, value)))

    def read(self, query: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None = None,
             return_attention_scores: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Reads kept keys and values, as `call` reads what it has projected itself.

        Args:
            query: Float, `(B, T, D)`.
            keys: Float, `(B, K, S, H)`.
            values: Float, `(B, K, S, H_v)`.
            allowed: Boolean, broadcasts to `(B, N, T, S)`. `True` may be read.
            return_attention_scores: If `True`, also returns the scores.

        Returns:
            Float, `(B, T, D)`. With scores, a pair whose second is `(B, N, T, S)`.
        """
        output, scores = self._read(query, keys, values, allowed,
                                    return_attention_scores=return_attention_scores)
        return (output, scores) if return_attention_scores else output

    def _read(self, query: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None,
              bias: Tensor | None = None, causal: bool = False, training: bool | None = False,
              return_attention_scores: bool = False) -> tuple[Tensor, Tensor | None]:
        asked = ops.shape(query)[:-1]
        gate = project(self._gate_dense, query) if self.use_gate else None
        query = self._tempered(self._axes.split(project(self._query_dense, query)))
        allowed = self._narrowed(allowed, ops.shape(query)[2], ops.shape(keys)[2])
        output, scores = self._between(query, keys, values, allowed, bias, causal, training,
                                       return_attention_scores)
        output = self._axes.join(output, asked)                         # (B, T, N, H_v)
        output = project(self._output_dense, output if gate is None else output * gate, 2)
        return finite(output), scores                                        # (B, T, D)

    def _tempered(self, query):
        """The query of all heads, `(B, N, T, H)`, as it meets the keys."""
        return query

    def _narrowed(self, allowed, num_queries, num_keys):
        """Which positions may be read, of those that masks allow."""
        if not self.sliding_window:
            return allowed
        return masks.combine(
            allowed, masks.sliding_window(num_queries, num_keys, window=self.sliding_window))

    def compute_output_shape(self, query_shape: Shape, value_shape: Shape,
                             key_shape: Shape | None = None) -> Shape:
        check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape,
                     self.attention_axes)
        return super().compute_output_shape(query_shape, value_shape, key_shape)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "dropout": self.dropout,
            "attention_axes": self.attention_axes,
            "sliding_window": self.sliding_window,
            "flash_attention": self.flash_attention,
            "seed": self.seed,
        }
