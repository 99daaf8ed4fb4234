"""What stands between the projections of attention, and how a subclass takes its place."""

import typing

from keras import ops

from keras_seqattn.errors import explain
from keras_seqattn.layers import masks
from keras_seqattn.layers.attention import attend, with_heads
from keras_seqattn.layers.fitting import as_mask
from keras_seqattn.layers.projection import HeadProjections
from keras_seqattn.shapes import Tensor

# Methods of Keras' layer that its subclasses may override, and that nothing here would ask.
UNHEARD = ("_build_attention", "_masked_softmax", "_compute_attention_mask",
           "_compute_causal_mask", "_compute_sliding_window_mask", "_make_output_dense",
           "_get_common_kwargs_for_sublayer")


class AttentionProduct(HeadProjections):
    """Base of attention whose product a subclass may override, as it may override that of Keras.

    The arguments are those of `MultiHeadAttention`.

    Raises:
        TypeError: A subclass overrides a part of Keras' layer that this one has not.
    """

    def __init__(self, *args: typing.Any, **kwargs: typing.Any):
        super().__init__(*args, **kwargs)
        if unheard := [name for name in UNHEARD if hasattr(type(self), name)]:
            raise TypeError(explain(
                "a subclass overrides parts of Keras' layer that this layer would not ask",
                layer=type(self).__name__, overridden=unheard,
                fix="override `_compute_attention`, or derive from keras.layers"))

    def _between(self, query, keys, values, allowed, bias, causal, training,
                 return_attention_scores):
        """Attention of heads, `(B, N, T, H)`, by this class or a subclass' `_compute_attention`."""
        if type(self)._compute_attention is AttentionProduct._compute_attention:
            return self._attend(query, keys, values, allowed, bias, causal, training,
                                return_attention_scores)
        if bias is not None:
            raise ValueError(explain(
                "`attention_bias` does not reach a subclass' `_compute_attention`",
                layer=type(self).__name__, attention_bias_shape=tuple(bias.shape),
                fix="add the bias in the subclass"))
        if causal:
            allowed = masks.combine(allowed, with_heads(
                masks.causal(ops.shape(query)[2], ops.shape(keys)[2])))
        if allowed is not None and allowed.shape[1] == 1:
            allowed = ops.squeeze(allowed, 1)                                # (B, T, S)
        output, scores = self._compute_attention(
            _turn(query), _turn(keys), _turn(values), allowed, training, return_attention_scores)
        return _turn(output), scores

    def _compute_attention(self, query: Tensor, key: Tensor, value: Tensor,
                           attention_mask: Tensor | None = None, training: bool | None = None,
                           return_attention_scores: bool = False,
                           use_causal_mask: bool = False) -> tuple[Tensor, Tensor | None]:
        """Computes attention between the projections. A subclass may override it, as in Keras.

        An override gets the masks of the call joined to one, the causal mask too.

        Args:
            query: Float, `(B, T, N, H)`. Several axes of positions are one.
            key: Float, `(B, S, K, H)`.
            value: Float, `(B, S, K, H_v)`.
            attention_mask: Boolean, broadcasts to `(B, T, S)` or `(B, N, T, S)`, or `None`.
            training: Whether dropout acts.
            return_attention_scores: If `True`, also returns the scores.
            use_causal_mask: If `True`, query `t` reads keys `0 … S-T+t` only.

        Returns:
            Float, `(B, T, N, H_v)`, and the scores `(B, N, T, S)` or `None`.
        """
        output, scores = self._attend(
            _turn(query), _turn(key), _turn(value), with_heads(as_mask(attention_mask)), None,
            use_causal_mask, training, return_attention_scores)
        return _turn(output), scores

    def _attend(self, query, keys, values, allowed, bias, causal, training,
                return_attention_scores):
        return attend(
            query, keys, values, allowed, scale=self.key_dim ** -0.5, causal=causal, bias=bias,
            drop=self._dropout_layer if training and self.dropout else None,
            flash_attention=self.flash_attention, return_attention_scores=return_attention_scores)


def _turn(heads):
    """`(B, T, N, H)` to `(B, N, T, H)` and back."""
    return ops.transpose(heads, (0, 2, 1, 3))
