"""The block of a Transformer's encoder: self-attention and a feed-forward network."""

import keras

from keras_seqattn.layers.block import TransformerBlock
from keras_seqattn.layers.fitting import as_mask, check_mask, check_width
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class TransformerEncoderBlock(TransformerBlock):
    """Lets all tokens of a sequence read each other, then transforms each by itself.

    Args:
        num_heads: Number of heads `N`.
        mlp_dim: Inner width `F` of the feed-forward network.
        norm: `"pre"` normalises the input of each part, as Vision Transformers do. `"post"`
            normalises the sum after it, as the paper does. A deep one then needs a warm-up.
        activation: Name or function inside the feed-forward network.
        dropout: Share dropped after each part in training, in `[0, 1)`.
        attention_dropout: Share of attention scores dropped in training, in `[0, 1)`.
        drop_path: Share of examples whose residual branch is skipped in training, in `[0, 1)`.
        key_dim: Size `H` of one head. Defaults to `D // N`, which must then be whole.
        num_kv_heads: Number of key/value heads. Defaults to `num_heads`.
        use_bias: Whether the projections and dense layers have biases.
        epsilon: Added to the variance in the norms.
        kernel_initializer: Initialiser of the kernels.
        seed: Seed of the dropouts. `None` draws one.
        layer_scale: First value of factors behind each branch, such as 1e-5 (`LayerScale`).
        use_qkv_bias: Whether query, key and value have biases. Defaults to `use_bias`.
        normalization: `"layer"`, or `"rms"` for norms without a mean and an offset.

    Attributes:
        attention: The attention part, with `attention_norm` and `attention_scale`.
        feed_forward: The network, with `feed_forward_norm` and `feed_forward_scale`.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        mask: Boolean, `(B, T)`. `True` is a real token. Keras fills it in.
        attention_mask: Boolean, `(T, T)`, `(B, T, T)` or `(B, N, T, T)`. `True` may be read.
        use_causal_mask: If `True`, position `t` reads positions `0 … t` only.
        return_attention_scores: If `True`, also returns the scores.
        training: Whether dropout and drop path act.

    Returns:
        Float, `(B, T, D)`. With scores, a pair whose second is `(B, N, T, T)`.

    Raises:
        ValueError: `norm` or `normalization` is unknown. A rate lies outside `[0, 1)`. A size is
            below 1. `num_heads` does not divide `D` and `key_dim` is unset. The input is not of
            rank 3.

    Example:

    >>> block = TransformerEncoderBlock(num_heads=3, mlp_dim=7)
    >>> tuple(block(keras.ops.ones((2, 5, 12))).shape)
    (2, 5, 12)

    Masking: consumes the mask in attention and passes it on.
    Cost: `4·D² + 2·D·F` weights (+ biases and norms). Multiply-adds per example are `T` times the
    weights + `2·T²·D`.
    On device: SOFTMAX, GELU, 6 FULLY_CONNECTED, 2 BATCH_MATMUL and two norms of 8 elementary ops.
    In float32 and dynamic int8 the block runs as one XNNPACK partition.
    Paper: Vaswani et al. 2017, section 3.1 (`"post"`).
    Paper: Dosovitskiy et al. 2021, equations 2 and 3 (`"pre"`).
    Paper: Huang et al. 2016, for drop path.
    """

    attention = property(lambda self: self._attention)
    attention_norm = property(lambda self: self._attention_norm)
    attention_scale = property(lambda self: self._attention_scale)

    def build(self, input_shape: Shape) -> None:
        self._build_parts(input_shape, attention=input_shape)

    def call(self, inputs: Tensor, mask: Tensor | None = None,
             attention_mask: Tensor | None = None, use_causal_mask: bool = False,
             return_attention_scores: bool = False,
             training: bool | None = None) -> Tensor | tuple[Tensor, Tensor]:
        scores = None
        check_width(type(self).__name__, self._built_shape, inputs=inputs)
        mask = as_mask(mask)
        check_mask(inputs.shape, mask=mask)

        def attention(x):
            nonlocal scores
            x = self._attention(
                x, x, query_mask=mask, value_mask=mask, attention_mask=attention_mask,
                use_causal_mask=use_causal_mask, training=training,
                return_attention_scores=return_attention_scores)
            if return_attention_scores:
                x, scores = x
            return self._drop(x, training=training)

        x = self._residual(inputs, attention, "attention", training)
        x = self._transform(x, training)
        return (x, scores) if return_attention_scores else x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)
