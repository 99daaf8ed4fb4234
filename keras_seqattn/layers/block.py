"""What every Transformer block has: its arguments, its parts and a residual around each part."""

import typing
from collections.abc import Callable

import keras

from keras_seqattn.errors import check_count, check_sequence, check_share, explain, nearest
from keras_seqattn.layers.feed_forward import FeedForward
from keras_seqattn.layers.layer_scale import LayerScale
from keras_seqattn.layers.multi_head import MultiHeadAttention
from keras_seqattn.layers.one_pass_norm import normalise
from keras_seqattn.layers.settings import Activation, Initializer
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Tensor

NORMS = ("pre", "post")
NORMALIZATIONS = {"layer": keras.layers.LayerNormalization, "rms": keras.layers.RMSNormalization}


class TransformerBlock(keras.layers.Layer):
    """Base of the blocks: attention parts and a feed-forward network, each with its norm.

    The arguments are those of `TransformerEncoderBlock`.

    Attributes:
        attention_class: Makes the attention parts. A block of your own may set another class.
        feed_forward_class: The same of the feed-forward network.
    """

    attention_class: Callable[..., keras.layers.Layer] = MultiHeadAttention
    feed_forward_class: Callable[..., keras.layers.Layer] = FeedForward

    @plain_numbers
    def __init__(self, num_heads: int, mlp_dim: int, norm: str = "pre",
                 activation: Activation = "gelu", dropout: float = 0.0,
                 attention_dropout: float = 0.0, drop_path: float = 0.0,
                 key_dim: int | None = None, num_kv_heads: int | None = None,
                 use_bias: bool = True, epsilon: float = 1e-6,
                 kernel_initializer: Initializer = "glorot_uniform", seed: int | None = None,
                 layer_scale: float | None = None, use_qkv_bias: bool | None = None,
                 normalization: str = "layer", **kwargs: typing.Any):
        super().__init__(**kwargs)
        check_count(num_heads=num_heads, mlp_dim=mlp_dim)
        check_share(dropout=dropout, attention_dropout=attention_dropout, drop_path=drop_path)
        for field, value, known in (("norm", norm, NORMS),
                                    ("normalization", normalization, NORMALIZATIONS)):
            if value not in known:
                raise ValueError(explain(
                    f"`{field}` is not known", **{field: value}, fix=nearest(value, known)))
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
        self.layer_scale = layer_scale
        self.use_qkv_bias = use_qkv_bias
        self.normalization = normalization
        self.supports_masking = True

    feed_forward = property(lambda self: self._feed_forward)
    feed_forward_norm = property(lambda self: self._feed_forward_norm)
    feed_forward_scale = property(lambda self: self._feed_forward_scale)

    def _build_parts(self, inputs_shape, **read):
        """Builds the attention parts, each named with the shape of what it reads, and the rest."""
        embed_dim = check_sequence(inputs_shape, type(self).__name__)
        self._built_shape = tuple(inputs_shape)
        if self.key_dim is None and embed_dim % self.num_heads:
            raise ValueError(explain(
                "`num_heads` must divide the width of the input", num_heads=self.num_heads,
                embed_dim=embed_dim, fix="pick a divisor of embed_dim, or set key_dim"))
        common = {"use_bias": self.use_bias, "seed": self.seed, "dtype": self.dtype_policy,
                  "kernel_initializer": self.kernel_initializer}
        for name, shape in read.items():
            attention = self.attention_class(
                self.num_heads, self.key_dim or embed_dim // self.num_heads,
                dropout=self.attention_dropout, num_kv_heads=self.num_kv_heads,
                use_qkv_bias=self.use_qkv_bias, name=name, **common)
            attention.build(inputs_shape, shape)
            setattr(self, f"_{name}", attention)
        self._feed_forward = self.feed_forward_class(
            self.mlp_dim, activation=self.activation, dropout=self.dropout, name="feed_forward",
            **common)
        self._feed_forward.build(inputs_shape)
        for name in (*read, "feed_forward"):
            norm = NORMALIZATIONS[self.normalization](
                epsilon=self.epsilon, name=f"{name}_norm", dtype=self.dtype_policy)
            norm.supports_masking = True  # That of RMS would warn of a mask, and drop it.
            norm.build(inputs_shape)
            setattr(self, f"_{name}_norm", norm)
            scale = None
            if self.layer_scale is not None:
                scale = LayerScale(
                    self.layer_scale, name=f"{name}_scale", dtype=self.dtype_policy)
                scale.build(inputs_shape)
            setattr(self, f"_{name}_scale", scale)
        self._drop = keras.layers.Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        self._drop_path = keras.layers.Dropout(
            self.drop_path, noise_shape=(None, 1, 1), seed=self.seed, dtype=self.dtype_policy)

    def _transform(self, x, training):
        return self._residual(
            x, lambda x: self._feed_forward(x, training=training), "feed_forward", training)

    def _residual(self, x: Tensor, branch: Callable[[Tensor], Tensor], name: str,
                  training: bool | None) -> Tensor:
        """Adds what a branch makes of `x`, with the norm and the scale of that name."""
        norm, scale = getattr(self, f"_{name}_norm"), getattr(self, f"_{name}_scale")
        made = branch(normalise(norm, x, training) if self.norm == "pre" else x)
        made = self._drop_path(made if scale is None else scale(made), training=training)
        return x + made if self.norm == "pre" else normalise(norm, x + made, training)

    def compute_output_spec(self, inputs: Tensor, *args: typing.Any,
                            **kwargs: typing.Any) -> typing.Any:
        if not kwargs.get("return_attention_scores"):
            return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        # Traced, so that the scores come out right.
        return keras.Operation.compute_output_spec(self, inputs, *args, **kwargs)

    def get_config(self) -> dict[str, typing.Any]:
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
            "layer_scale": self.layer_scale,
            "use_qkv_bias": self.use_qkv_bias,
            "normalization": self.normalization,
        }
