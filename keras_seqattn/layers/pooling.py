"""Attention that pools a sequence into one vector."""

import typing

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_sequence, explain
from keras_seqattn.layers.feed_forward import FeedForward
from keras_seqattn.layers.fitting import check_width
from keras_seqattn.layers.multi_head import MultiHeadAttention
from keras_seqattn.layers.settings import Activation
from keras_seqattn.layers.traced import TracedLayer
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class AttentionPooling(TracedLayer):
    """Pools a sequence by attention: one learned query reads all tokens, then a network follows.

    SigLIP and the largest Vision Transformers end so. No class token is needed among the patches.

    Args:
        num_heads: Number of heads `N`, a divisor of `D`.
        mlp_dim: Inner width `F` of the feed-forward network. Defaults to `4·D`.
        activation: Name or function inside the feed-forward network.
        epsilon: Added to the variance in the norm.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        mask: Boolean, `(B, T)`. `True` is a real token. Keras fills it in.
        return_attention_scores: If `True`, also returns the scores.

    Returns:
        Float, `(B, D)`. It is `y + mlp(norm(y))`, where `y` was read. With scores, a pair whose
        second is `(B, N, 1, T)`.

    Raises:
        ValueError: A size is below 1. `num_heads` does not divide `D`. The input is not of rank 3.

    Example:

    >>> tuple(AttentionPooling(num_heads=3)(keras.ops.ones((2, 5, 12))).shape)
    (2, 12)

    Masking: consumes the mask.
    Cost: `4·D² + 2·D·F + D` weights (+ biases and norm). Multiply-adds `(T + 1)·2·D² + 2·D·F`.
    On device: SOFTMAX, GELU, a norm, 6 FULLY_CONNECTED and 2 BATCH_MATMUL.
    Paper: Zhai et al. 2022, "Scaling Vision Transformers", section 3.2 ("MAP" head).
    Paper: Lee et al. 2019, "Set Transformer", section 3.2.
    """

    @plain_numbers
    def __init__(self, num_heads: int, mlp_dim: int | None = None, activation: Activation = "gelu",
                 epsilon: float = 1e-6, **kwargs: typing.Any):
        super().__init__(**kwargs)
        check_count(num_heads=num_heads)
        if mlp_dim is not None:
            check_count(mlp_dim=mlp_dim)
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim
        self.activation = keras.activations.get(activation)
        self.epsilon = epsilon
        self.supports_masking = True

    attention = property(lambda self: self._attention)
    norm = property(lambda self: self._norm)
    feed_forward = property(lambda self: self._feed_forward)

    def build(self, input_shape: Shape) -> None:
        embed_dim = check_sequence(input_shape, "AttentionPooling")
        if embed_dim % self.num_heads:
            raise ValueError(explain(
                "`num_heads` must divide the width of the input", num_heads=self.num_heads,
                embed_dim=embed_dim, fix="pick a divisor of embed_dim"))
        self._built_shape = tuple(input_shape)
        query_shape = (input_shape[0], 1, embed_dim)
        self.probe = self.add_weight(
            shape=(1, 1, embed_dim), initializer="glorot_uniform", name="probe")
        self._attention = MultiHeadAttention(
            self.num_heads, embed_dim // self.num_heads, name="attention",
            dtype=self.dtype_policy)
        self._attention.build(query_shape, input_shape)
        self._norm = keras.layers.LayerNormalization(
            epsilon=self.epsilon, name="norm", dtype=self.dtype_policy)
        self._norm.build(query_shape)
        self._feed_forward = FeedForward(
            self.mlp_dim or 4 * embed_dim, activation=self.activation, name="feed_forward",
            dtype=self.dtype_policy)
        self._feed_forward.build(query_shape)

    def call(self, inputs: Tensor, mask: Tensor | None = None,
             return_attention_scores: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        check_width("AttentionPooling", self._built_shape, inputs=inputs)
        scores = None
        shape = (ops.shape(inputs)[0], 1, inputs.shape[-1])
        x = self._attention(
            ops.broadcast_to(ops.cast(self.probe, inputs.dtype), shape), inputs, value_mask=mask,
            return_attention_scores=return_attention_scores)
        if return_attention_scores:
            x, scores = x
        x = ops.squeeze(x + self._feed_forward(self._norm(x)), 1)              # (B, D)
        return (x, scores) if return_attention_scores else x

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "mlp_dim": self.mlp_dim,
            "activation": keras.activations.serialize(self.activation),
            "epsilon": self.epsilon,
        }
