"""The block of a Transformer's decoder: it reads what is written, and a memory if there is one."""

import keras
from keras import ops

from keras_seqattn.errors import check_sequence, explain
from keras_seqattn.layers.block import TransformerBlock
from keras_seqattn.layers.fitting import as_mask, check_mask, check_width
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class TransformerDecoderBlock(TransformerBlock):
    """Lets the tokens written so far read each other, then a memory, and transforms each.

    Without a memory it is the block of a decoder-only model, such as GPT. `start` and `step` do the
    same one token at a time, with kept keys and values.

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
        kernel_initializer: Initialiser of the kernels.
        seed: Seed of the dropouts. `None` draws one.
        layer_scale: First value of factors behind each branch, such as 1e-5 (`LayerScale`).
        use_qkv_bias: Whether query, key and value have biases. Defaults to `use_bias`.
        normalization: `"layer"`, or `"rms"` for norms without a mean and an offset.

    Attributes:
        self_attention: Part that reads the tokens, with `self_attention_norm`.
        cross_attention: Part that reads the memory, with `cross_attention_norm`.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        memory: Float, `(B, S, D_m)`. What an encoder made of a source. It is given in every call
            or in none.
        inputs_mask: Boolean, `(B, T)`. `True` is a real token. Keras fills it in.
        memory_mask: Boolean, `(B, S)`. Keras fills it in.
        attention_mask: Boolean, `(T, T)`, `(B, T, T)` or `(B, N, T, T)`. It tells which tokens read
            which.
        use_causal_mask: If `True`, position `t` reads positions `0 … t` only.
        return_attention_scores: If `True`, also returns the scores of the memory. Without a memory
            those of the tokens.
        training: Whether dropout and drop path act.

    Returns:
        Float, `(B, T, D)`. With scores, a pair whose second is `(B, N, T, S)`.

    Raises:
        ValueError: As for `TransformerEncoderBlock`. `memory` is given in some calls only, or has
            another batch than `inputs`. A mask has another length than its sequence.

    Example:

    >>> block = TransformerDecoderBlock(num_heads=3, mlp_dim=7)
    >>> tuple(block(keras.ops.ones((2, 5, 12)), keras.ops.ones((2, 11, 13))).shape)
    (2, 5, 12)

    Masking: consumes both masks in attention and passes that of `inputs` on.
    Cost: `6·D² + 2·D·D_m + 2·D·F` weights (+ biases and norms). A step costs one multiply-add for
    each weight + `2·(T + S)·D`. The weights of the memory's keys and values count once, at `start`.
    On device: as the encoder block. A step adds 2 DYNAMIC_UPDATE_SLICE.
    Paper: Vaswani et al. 2017, section 3.1.
    """

    self_attention = property(lambda self: self._self_attention)
    self_attention_norm = property(lambda self: self._self_attention_norm)
    cross_attention = property(lambda self: self._cross_attention)
    cross_attention_norm = property(lambda self: self._cross_attention_norm)

    def build(self, inputs_shape: Shape, memory_shape: Shape | None = None) -> None:
        read = {"self_attention": inputs_shape}
        self._memory_shape = None if memory_shape is None else tuple(memory_shape)
        if memory_shape is not None:
            check_sequence(memory_shape, "TransformerDecoderBlock, `memory`,")
            read["cross_attention"] = memory_shape
        self._build_parts(inputs_shape, **read)

    def call(self, inputs: Tensor, memory: Tensor | None = None,
             inputs_mask: Tensor | None = None, memory_mask: Tensor | None = None,
             attention_mask: Tensor | None = None, use_causal_mask: bool = True,
             return_attention_scores: bool = False,
             training: bool | None = None) -> Tensor | tuple[Tensor, Tensor]:
        scores = None
        check_width(type(self).__name__, self._built_shape, inputs=inputs)
        self._check_memory(memory)
        inputs_mask, memory_mask = as_mask(inputs_mask), as_mask(memory_mask)
        check_mask(inputs.shape, inputs_mask=inputs_mask)
        if memory is not None:
            check_mask(memory.shape, memory_mask=memory_mask)

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

    def _check_memory(self, memory):
        """Refuses a memory that the block was not built for, and to leave one out."""
        if (memory is None) != (self._memory_shape is None):
            raise ValueError(explain(
                "`memory` must be given in every call or in none",
                built_with=self._memory_shape, memory=None if memory is None else memory.shape,
                fix="pass what the encoder made, or make another block"))
        if self._memory_shape is not None:
            check_width(type(self).__name__, self._memory_shape, memory=memory)

    def start(self, batch_size: int, max_length: int,
              memory: Tensor | None = None) -> dict[str, Tensor]:
        """Makes the cache of an empty sequence: room for its keys and values, those of the memory.

        Args:
            batch_size: Number of sequences `B`.
            max_length: Longest sequence in tokens `T`.
            memory: Float, `(B, S, D_m)`, or `None`.

        Returns:
            Float tensors. Values are `(B, K, T, H)`, those of the memory `(B, K, S, H)`. Keys are
            `(B, K, H, T)` and `(B, K, H, S)`, as the product with a query reads them.
        """
        self._check_memory(memory)
        attention = self._self_attention
        room = ops.zeros((batch_size, attention.num_kv_heads, max_length, attention.key_dim),
                         dtype=self.compute_dtype)
        cache = {"key": _turn(room), "value": room}
        if memory is not None:
            keys, values = self._cross_attention.keys_and_values(memory)
            cache |= {"memory_key": _turn(keys), "memory_value": values}
        return cache

    def step(self, inputs: Tensor, cache: dict[str, Tensor], position: int | Tensor,
             memory_mask: Tensor | None = None, return_attention_scores: bool = False,
             ) -> tuple[Tensor, dict[str, Tensor]] | tuple[Tensor, dict[str, Tensor], Tensor]:
        """Reads the next tokens of each sequence: the last columns of `call`, and no others.

        Args:
            inputs: Float, `(B, T, D)`. While writing, `T` is 1.
            cache: As of `start` or the step before.
            position: Number of tokens that came before, an integer tensor of rank 0.
            memory_mask: Boolean, `(B, S)`.
            return_attention_scores: If `True`, also returns the scores of the memory.

        Returns:
            Float, `(B, T, D)`, and the cache. With scores, `(B, N, T, S)` as a third.
        """
        check_width(type(self).__name__, self._built_shape, inputs=inputs)
        if ("memory_key" in cache) != (self._memory_shape is not None):
            raise ValueError(explain(
                "the cache must come from `start` of a block like this one", cache=sorted(cache),
                built_with=self._memory_shape, fix="pass what start or the step before returned"))
        cache, scores = dict(cache), None

        def attend_tokens(x):
            key, value = self._self_attention.keys_and_values(x)
            cache["key"] = ops.slice_update(cache["key"], (0, 0, 0, position), _turn(key))
            cache["value"] = ops.slice_update(cache["value"], (0, 0, position, 0), value)
            kept, new = (ops.arange(each, dtype="int32")
                         for each in (cache["value"].shape[2], ops.shape(x)[1]))
            written = ops.less_equal(kept - ops.expand_dims(new, 1), position)   # (T, kept)
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
        if self._memory_shape is not None:
            x = self._residual(x, attend_memory, "cross_attention", False)
        x = self._transform(x, False)
        return (x, cache, scores) if return_attention_scores else (x, cache)

    def compute_output_shape(self, inputs_shape: Shape,
                             memory_shape: Shape | None = None) -> Shape:
        return tuple(inputs_shape)


def _turn(keys):
    """`(B, K, T, H)` to `(B, K, H, T)` and back: two in a row cost nothing once compiled."""
    return ops.transpose(keys, (0, 1, 3, 2))
