"""Attention whose queries and keys are normalised, so that no logit grows without bound."""

import typing

import keras

from keras_seqattn.layers.multi_head import MultiHeadAttention
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class QueryKeyNormAttention(MultiHeadAttention):
    """Attention with a norm over each head of the queries and one over each head of the keys.

    The call is that of `MultiHeadAttention`. So are the arguments but the last.

    Args:
        epsilon: Added to the variance in the norms.

    Attributes:
        query_norm, key_norm: The norms, over `H` features. They exist once the layer is built.

    Example:

    >>> x = keras.ops.ones((2, 5, 12))
    >>> tuple(QueryKeyNormAttention(num_heads=4, key_dim=3)(x, x).shape)
    (2, 5, 12)

    Masking: as for `MultiHeadAttention`.
    Cost: `4·H` weights beside those of `MultiHeadAttention`.
    On device: two norms beside the ops of `MultiHeadAttention`.
    Paper: Dehghani et al. 2023, "Scaling Vision Transformers to 22 Billion Parameters", section 2.
    """

    def __init__(self, num_heads: int, key_dim: int, *args: typing.Any, epsilon: float = 1e-6,
                 **kwargs: typing.Any):
        super().__init__(num_heads, key_dim, *args, **kwargs)
        self.epsilon = epsilon

    query_norm = property(lambda self: self._query_norm)
    key_norm = property(lambda self: self._key_norm)

    def build(self, query_shape: Shape, value_shape: Shape,
              key_shape: Shape | None = None) -> None:
        super().build(query_shape, value_shape, key_shape)
        self._query_norm, self._key_norm = (
            keras.layers.LayerNormalization(
                epsilon=self.epsilon, name=f"{name}_norm", dtype=self.dtype_policy)
            for name in ("query", "key"))
        for norm in (self._query_norm, self._key_norm):
            norm.build((None, None, None, self.key_dim))

    def keys_and_values(self, value: Tensor, key: Tensor | None = None) -> tuple[Tensor, Tensor]:
        keys, values = super().keys_and_values(value, key)
        return self._key_norm(keys), values

    def _tempered(self, query):
        return self._query_norm(super()._tempered(query))

    def get_config(self) -> dict[str, typing.Any]:
        return {**super().get_config(), "epsilon": self.epsilon}
