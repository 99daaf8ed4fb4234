"""Attention that pools a sequence into one vector."""

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_sequence, explain
from keras_seqattn.layers.feed_forward import FeedForward
from keras_seqattn.layers.multi_head import MultiHeadAttention


@keras.saving.register_keras_serializable(package="keras_seqattn")
class AttentionPooling(keras.layers.Layer):
    """Pools a sequence by attention: one learned query reads all tokens, then a network follows.

    SigLIP and the largest Vision Transformers end so; it needs no class token among the patches.

    Args:
        num_heads: Number of heads `N`, a divisor of `D`.
        mlp_dim: Inner width `F` of the feed-forward network. Defaults to `4·D`.
        activation: Name or function inside the feed-forward network.
        epsilon: Added to the variance in the norm.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        mask: Boolean, `(B, T)`; `True` is a real token. Keras fills it in.
        return_attention_scores: If `True`, also returns the scores.

    Returns:
        Float, `(B, D)`: `y + mlp(norm(y))` of what was read, `y`; with scores, a pair whose second
        is `(B, N, 1, T)`.

    Raises:
        ValueError: a size below 1; `num_heads` does not divide `D`; the input is not of rank 3.

    Example:

    >>> tuple(AttentionPooling(num_heads=3)(keras.ops.ones((2, 5, 12))).shape)
    (2, 12)

    Masking: consumes the mask.
    Cost: `4·D² + 2·D·F + D` weights (+ biases and norm); multiply-adds `(T + 1)·2·D² + 2·D·F`.
    On device: 6 FULLY_CONNECTED, 2 BATCH_MATMUL, SOFTMAX, GELU and a norm.
    Paper: Zhai et al. 2022, "Scaling Vision Transformers", section 3.2 ("MAP" head); Lee et al.
    2019, "Set Transformer", section 3.2.
    """

    def __init__(self, num_heads, mlp_dim=None, activation="gelu", epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        check_count(num_heads=num_heads)
        if mlp_dim is not None:
            check_count(mlp_dim=mlp_dim)
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim
        self.activation = keras.activations.get(activation)
        self.epsilon = epsilon
        self.supports_masking = True

    def build(self, input_shape):
        check_sequence(input_shape, "AttentionPooling")
        embed_dim = input_shape[-1]
        if embed_dim % self.num_heads:
            raise ValueError(explain(
                "`num_heads` must divide the width of the input", num_heads=self.num_heads,
                embed_dim=embed_dim, fix="pick a divisor of embed_dim"))
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

    def call(self, inputs, mask=None, return_attention_scores=False):
        scores = None
        shape = (ops.shape(inputs)[0], 1, inputs.shape[-1])
        x = self._attention(
            ops.broadcast_to(ops.cast(self.probe, inputs.dtype), shape), inputs, value_mask=mask,
            return_attention_scores=return_attention_scores)
        if return_attention_scores:
            x, scores = x
        x = ops.squeeze(x + self._feed_forward(self._norm(x)), 1)              # (B, D)
        return (x, scores) if return_attention_scores else x

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_spec(self, *args, **kwargs):
        # Traced rather than told by the shape below, so that scores come out right.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    attention = property(lambda self: self._attention)
    norm = property(lambda self: self._norm)
    feed_forward = property(lambda self: self._feed_forward)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "mlp_dim": self.mlp_dim,
            "activation": keras.activations.serialize(self.activation),
            "epsilon": self.epsilon,
        }
