"""Transformer blocks: attention and a feed-forward network, each with a residual and a norm."""

import keras

from keras_seqattn.errors import check_count, check_sequence, check_share, explain, nearest
from keras_seqattn.layers.feed_forward import FeedForward
from keras_seqattn.layers.multi_head import MultiHeadAttention

NORMS = ("pre", "post")


@keras.saving.register_keras_serializable(package="keras_seqattn")
class TransformerEncoderBlock(keras.layers.Layer):
    """Lets all tokens of a sequence read each other, then transforms each by itself.

    Args:
        num_heads: Number of heads `N`.
        mlp_dim: Inner width `F` of the feed-forward network.
        norm: `"pre"` normalises the input of each part (Vision Transformer), `"post"` the sum
            after it (the paper's form; needs a warm-up to train when deep).
        activation: Name or function inside the feed-forward network.
        dropout: Share dropped after each part in training, in `[0, 1)`.
        attention_dropout: Share of attention scores dropped in training, in `[0, 1)`.
        drop_path: Share of examples whose residual branch is skipped in training, in `[0, 1)`.
        key_dim: Size `H` of one head. Defaults to `D // N`, which must then be whole.
        num_kv_heads: Number of key/value heads. Defaults to `num_heads`.
        use_bias: Whether the projections and dense layers have biases.
        epsilon: Added to the variance in the norms.
        kernel_initializer: Initializer of the kernels.
        seed: Seed of the dropouts. `None` draws one.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        mask: Boolean, `(B, T)`; `True` is a real token. Keras fills it in.
        attention_mask: Boolean, `(T, T)`, `(B, T, T)` or `(B, N, T, T)`; `True` may be read.
        use_causal_mask: If `True`, position `t` reads positions `0 … t` only.
        return_attention_scores: If `True`, also returns the scores.
        training: Whether dropout and drop path act.

    Returns:
        Float, `(B, T, D)`; with scores, a pair whose second is `(B, N, T, T)`.

    Raises:
        ValueError: `norm` is unknown; a rate outside `[0, 1)`; a size below 1; `num_heads` does
            not divide `D` and `key_dim` is unset; the input is not of rank 3.

    Example:

    >>> block = TransformerEncoderBlock(num_heads=3, mlp_dim=7)
    >>> tuple(block(keras.ops.ones((2, 5, 12))).shape)
    (2, 5, 12)

    Masking: consumes the mask in attention and passes it on.
    Cost: `4·D² + 2·D·F` weights (+ biases and norms); multiply-adds per example `T` times the
    weights + `2·T²·D`.
    On device: 6 FULLY_CONNECTED, 2 BATCH_MATMUL, SOFTMAX, GELU and two norms of 8 elementary ops;
    runs as one XNNPACK partition in float32 and dynamic int8.
    Paper: Vaswani et al. 2017, section 3.1 (`"post"`); Dosovitskiy et al. 2021, equations 2 and 3
    (`"pre"`); drop path: Huang et al. 2016.
    """

    def __init__(self, num_heads, mlp_dim, norm="pre", activation="gelu", dropout=0.0,
                 attention_dropout=0.0, drop_path=0.0, key_dim=None, num_kv_heads=None,
                 use_bias=True, epsilon=1e-6, kernel_initializer="glorot_uniform", seed=None,
                 **kwargs):
        super().__init__(**kwargs)
        check_count(num_heads=num_heads, mlp_dim=mlp_dim)
        check_share(dropout=dropout, attention_dropout=attention_dropout, drop_path=drop_path)
        if norm not in NORMS:
            raise ValueError(explain("`norm` is not known", norm=norm, fix=nearest(norm, NORMS)))
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim
        self.norm = norm
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.drop_path = drop_path
        self.key_dim = key_dim
        self.num_kv_heads = num_kv_heads
        self.use_bias = use_bias
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.seed = seed
        self.supports_masking = True

    def build(self, input_shape):
        check_sequence(input_shape, "TransformerEncoderBlock")
        embed_dim = input_shape[-1]
        if self.key_dim is None and embed_dim % self.num_heads:
            raise ValueError(explain(
                "`num_heads` must divide the width of the input", num_heads=self.num_heads,
                embed_dim=embed_dim, fix="pick a divisor of embed_dim, or set key_dim"))
        common = {"use_bias": self.use_bias, "seed": self.seed, "dtype": self.dtype_policy,
                  "kernel_initializer": self.kernel_initializer}
        self._attention = MultiHeadAttention(
            self.num_heads, self.key_dim or embed_dim // self.num_heads,
            dropout=self.attention_dropout, num_kv_heads=self.num_kv_heads, name="attention",
            **common)
        self._feed_forward = FeedForward(
            self.mlp_dim, activation=self.activation, dropout=self.dropout, name="feed_forward",
            **common)
        self._attention_norm, self._feed_forward_norm = (
            keras.layers.LayerNormalization(
                epsilon=self.epsilon, name=name, dtype=self.dtype_policy)
            for name in ("attention_norm", "feed_forward_norm"))
        self._drop = keras.layers.Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        self._drop_path = keras.layers.Dropout(
            self.drop_path, noise_shape=(None, 1, 1), seed=self.seed, dtype=self.dtype_policy)
        self._attention.build(input_shape, input_shape)
        for layer in (self._feed_forward, self._attention_norm, self._feed_forward_norm):
            layer.build(input_shape)

    def call(self, inputs, mask=None, attention_mask=None, use_causal_mask=False,
             return_attention_scores=False, training=None):
        scores = None

        def attention(x):
            nonlocal scores
            x = self._attention(
                x, x, query_mask=mask, value_mask=mask, attention_mask=attention_mask,
                use_causal_mask=use_causal_mask, training=training,
                return_attention_scores=return_attention_scores)
            if return_attention_scores:
                x, scores = x
            return self._drop(x, training=training)

        def feed_forward(x):
            return self._feed_forward(x, training=training)

        x = self._residual(inputs, attention, self._attention_norm, training)
        x = self._residual(x, feed_forward, self._feed_forward_norm, training)
        return (x, scores) if return_attention_scores else x

    def _residual(self, x, branch, norm, training):
        if self.norm == "pre":
            return x + self._drop_path(branch(norm(x)), training=training)
        return norm(x + self._drop_path(branch(x), training=training))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def compute_output_spec(self, *args, **kwargs):
        # Traced rather than told by the shape above, so that scores come out right.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    attention = property(lambda self: self._attention)
    attention_norm = property(lambda self: self._attention_norm)
    feed_forward = property(lambda self: self._feed_forward)
    feed_forward_norm = property(lambda self: self._feed_forward_norm)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "mlp_dim": self.mlp_dim,
            "norm": self.norm,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "drop_path": self.drop_path,
            "key_dim": self.key_dim,
            "num_kv_heads": self.num_kv_heads,
            "use_bias": self.use_bias,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "seed": self.seed,
        }
