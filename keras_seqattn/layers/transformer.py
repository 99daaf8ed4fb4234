"""Transformer blocks: attention and a feed-forward network, each with a residual and a norm."""

import keras
from keras import ops

from keras_seqattn.errors import check_sequence
from keras_seqattn.layers.block import TransformerBlock


@keras.saving.register_keras_serializable(package="keras_seqattn")
class TransformerEncoderBlock(TransformerBlock):
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
        layer_scale: First value, such as 1e-5, of factors behind each branch (`LayerScale`).
        use_qkv_bias: Whether query, key and value have biases, if not as `use_bias` says.
        normalization: `"layer"` norms, or `"rms"` ones, without a mean and an offset.

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
        ValueError: `norm` or `normalization` is unknown; a rate outside `[0, 1)`; a size below 1;
            `num_heads` does not divide `D` and `key_dim` is unset; the input is not of rank 3.

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

    def build(self, input_shape):
        self._build_parts(input_shape, attention=input_shape)

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

        x = self._residual(inputs, attention, "attention", training)
        x = self._transform(x, training)
        return (x, scores) if return_attention_scores else x

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    attention = property(lambda self: self._attention)
    attention_norm = property(lambda self: self._attention_norm)
    attention_scale = property(lambda self: self._attention_scale)


@keras.saving.register_keras_serializable(package="keras_seqattn")
class TransformerDecoderBlock(TransformerBlock):
    """Lets the tokens written so far read each other, then a memory, then transforms each.

    Without a memory it is the block of a decoder-only model (GPT), whose attention part is all
    that is left. `start` and `step` do the same one token at a time with kept keys and values.

    Args:
        num_heads: Number of heads `N`.
        mlp_dim: Inner width `F` of the feed-forward network.
        norm: `"pre"` or `"post"`, as for `TransformerEncoderBlock`.
        activation: Name or function inside the feed-forward network.
        dropout: Share dropped after each part in training, in `[0, 1)`.
        attention_dropout: Share of attention scores dropped in training, in `[0, 1)`.
        drop_path: Share of examples whose residual branch is skipped in training, in `[0, 1)`.
        key_dim: Size `H` of one head. Defaults to `D // N`, which must then be whole.
        num_kv_heads: Number `K` of key/value heads. Defaults to `num_heads`.
        use_bias: Whether the projections and dense layers have biases.
        epsilon: Added to the variance in the norms.
        kernel_initializer: Initializer of the kernels.
        seed: Seed of the dropouts. `None` draws one.
        layer_scale: First value, such as 1e-5, of factors behind each branch (`LayerScale`).
        use_qkv_bias: Whether query, key and value have biases, if not as `use_bias` says.
        normalization: `"layer"` norms, or `"rms"` ones, without a mean and an offset.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        memory: Float, `(B, S, D_m)`: what an encoder made of a source; or `None`, then always.
        inputs_mask: Boolean, `(B, T)`; `True` is a real token. Keras fills it in.
        memory_mask: Boolean, `(B, S)`. Keras fills it in.
        attention_mask: Boolean, `(T, T)`, `(B, T, T)` or `(B, N, T, T)`: which tokens read which.
        use_causal_mask: If `True`, position `t` reads positions `0 … t` only.
        return_attention_scores: If `True`, also returns the scores of the memory, else of tokens.
        training: Whether dropout and drop path act.

    Returns:
        Float, `(B, T, D)`; with scores, a pair whose second is `(B, N, T, S)`.

    Raises:
        ValueError: as for `TransformerEncoderBlock`.

    Example:

    >>> block = TransformerDecoderBlock(num_heads=3, mlp_dim=7)
    >>> tuple(block(keras.ops.ones((2, 5, 12)), keras.ops.ones((2, 11, 13))).shape)
    (2, 5, 12)

    Masking: consumes both masks in attention and passes that of `inputs` on.
    Cost: `6·D² + 2·D·D_m + 2·D·F` weights (+ biases and norms); a step costs as many multiply-adds
    as the weights (those of the memory's keys and values only once) + `2·(T + S)·D`.
    On device: as the encoder block; a step adds 2 DYNAMIC_UPDATE_SLICE.
    Paper: Vaswani et al. 2017, section 3.1.
    """

    def build(self, inputs_shape, memory_shape=None):
        read = {"self_attention": inputs_shape}
        if memory_shape is not None:
            check_sequence(memory_shape, "TransformerDecoderBlock, `memory`,")
            read["cross_attention"] = memory_shape
        self._build_parts(inputs_shape, **read)

    def call(self, inputs, memory=None, inputs_mask=None, memory_mask=None, attention_mask=None,
             use_causal_mask=True, return_attention_scores=False, training=None):
        scores = None

        def attend(attention, x, value, value_mask, **keywords):
            nonlocal scores
            x = attention(
                x, value, query_mask=inputs_mask, value_mask=value_mask, training=training,
                return_attention_scores=return_attention_scores, **keywords)
            if return_attention_scores:
                x, scores = x
            return self._drop(x, training=training)

        x = self._residual(
            inputs, lambda x: attend(self._self_attention, x, x, inputs_mask,
                                     attention_mask=attention_mask,
                                     use_causal_mask=use_causal_mask),
            "self_attention", training)
        if memory is not None:
            x = self._residual(
                x, lambda x: attend(self._cross_attention, x, memory, memory_mask),
                "cross_attention", training)
        x = self._transform(x, training)
        return (x, scores) if return_attention_scores else x

    def start(self, batch_size, max_length, memory=None):
        """Makes the cache of an empty sequence: room for its keys and values, those of the memory.

        Args:
            batch_size: Number of sequences `B`.
            max_length: Longest sequence in tokens `T`.
            memory: Float, `(B, S, D_m)`, or `None`.

        Returns:
            Dictionary of float tensors: keys, `(B, K, H, T)` and `(B, K, H, S)`, as the product
            with a query reads them, and values, `(B, K, T, H)` and `(B, K, S, H)`.
        """
        attention = self._self_attention
        room = ops.zeros((batch_size, attention.num_kv_heads, max_length, attention.key_dim),
                         dtype=self.compute_dtype)
        cache = {"key": _turn(room), "value": room}
        if memory is not None:
            keys, values = self._cross_attention.keys_and_values(memory)
            cache |= {"memory_key": _turn(keys), "memory_value": values}
        return cache

    def step(self, inputs, cache, position, memory_mask=None, return_attention_scores=False):
        """Reads the next tokens of each sequence: the last columns of `call`, and no others.

        Args:
            inputs: Float, `(B, T, D)`; while writing, `T` is 1.
            cache: As of `start` or the step before.
            position: Integer tensor of rank 0: how many tokens came before.
            memory_mask: Boolean, `(B, S)`.
            return_attention_scores: If `True`, also returns the scores of the memory.

        Returns:
            Float, `(B, T, D)`, and the cache; with scores, `(B, N, T, S)` as a third.
        """
        cache, scores = dict(cache), None

        def attend_tokens(x):
            key, value = self._self_attention.keys_and_values(x)
            cache["key"] = ops.slice_update(cache["key"], (0, 0, 0, position), _turn(key))
            cache["value"] = ops.slice_update(cache["value"], (0, 0, position, 0), value)
            kept, new = (ops.arange(each, dtype="int32")
                         for each in (cache["value"].shape[2], ops.shape(x)[1]))
            written = kept - ops.expand_dims(new, 1) <= position                 # (T, kept)
            return self._self_attention.read(x, _turn(cache["key"]), cache["value"], written)

        def attend_memory(x):
            nonlocal scores
            allowed = None if memory_mask is None else ops.expand_dims(memory_mask, (1, 2))
            x = self._cross_attention.read(
                x, _turn(cache["memory_key"]), cache["memory_value"], allowed,
                return_attention_scores)
            if return_attention_scores:
                x, scores = x
            return x

        x = self._residual(inputs, attend_tokens, "self_attention", False)
        if "memory_key" in cache:
            x = self._residual(x, attend_memory, "cross_attention", False)
        x = self._transform(x, False)
        return (x, cache, scores) if return_attention_scores else (x, cache)

    def compute_output_shape(self, inputs_shape, memory_shape=None):
        return tuple(inputs_shape)

    self_attention = property(lambda self: self._self_attention)
    self_attention_norm = property(lambda self: self._self_attention_norm)
    cross_attention = property(lambda self: self._cross_attention)
    cross_attention_norm = property(lambda self: self._cross_attention_norm)


def _turn(keys):
    """`(B, K, T, H)` to `(B, K, H, T)` and back: two in a row cost nothing once compiled."""
    return ops.transpose(keys, (0, 1, 3, 2))
