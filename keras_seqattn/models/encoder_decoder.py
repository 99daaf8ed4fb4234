"""The encoder-decoder Transformer: a sequence in, another one out.

Paper: Vaswani et al. 2017, "Attention Is All You Need", section 3. The sizes are those of its
table 3. As there, one table of embeddings serves the source, the target and the output. The
embeddings are multiplied by `√D`.

The norm stands in one of two places:

- `"post"`: behind each part, as in the paper.
- `"pre"`: before each part, with a last norm behind each stack. This trains without care.
"""

import typing

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_share, explain, nearest
from keras_seqattn.layers import (
    PositionalEncoding,
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)
from keras_seqattn.models.generator import PAD, Generator, start_blocks, step_blocks
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Tensor

# size: (num_layers, num_heads, embed_dim, mlp_dim)
SIZES = {
    "nano": (1, 2, 16, 32),            # ours: tests
    "tiny": (3, 4, 256, 512),          # ours: sentences of a phrase book, on a phone
    "base": (6, 8, 512, 2048),
    "big": (6, 16, 1024, 4096),
}


@keras.saving.register_keras_serializable(package="keras_seqattn")
class Transformer(Generator):
    """The model that `transformer` builds, of the same arguments without defaults."""

    def __init__(self, vocab_size: int, max_length: int, num_layers: int, num_decoder_layers: int,
                 num_heads: int, embed_dim: int, mlp_dim: int, norm: str,
                 activation: str | typing.Callable, dropout: float, attention_dropout: float,
                 seed: int | None, name: str = "transformer", **kwargs: object):
        blocks: dict[str, typing.Any] = {"num_heads": num_heads, "mlp_dim": mlp_dim, "norm": norm,
                  "activation": activation, "dropout": dropout,
                  "attention_dropout": attention_dropout, "seed": seed}
        embedding = keras.layers.ReversibleEmbedding(
            vocab_size, embed_dim, name="embedding", reverse_dtype="float32",
            embeddings_initializer=keras.initializers.RandomNormal(stddev=embed_dim ** -0.5))
        position = PositionalEncoding(max_length=max_length, name="position")
        drop = keras.layers.Dropout(dropout, seed=seed, name="dropout")
        encoder = [TransformerEncoderBlock(name=f"encoder_{i}", **blocks)
                   for i in range(num_layers)]
        decoder = [TransformerDecoderBlock(name=f"decoder_{i}", **blocks)
                   for i in range(num_decoder_layers)]
        encoder_norm, decoder_norm = (
            keras.layers.LayerNormalization(epsilon=1e-6, name=f"{stack}_norm")
            if norm == "pre" else keras.layers.Identity(name=f"{stack}_norm")
            for stack in ("encoder", "decoder"))

        def embed(tokens, start=0):
            return position(embedding(tokens) * embed_dim ** 0.5, start=start)

        source = keras.Input((None,), dtype="int32", name="source")
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        source_mask, tokens_mask = ops.not_equal(source, PAD), ops.not_equal(tokens, PAD)
        memory = drop(embed(source))
        for block in encoder:
            memory = block(memory, mask=source_mask)
        memory = encoder_norm(memory)                                            # (B, S, D)
        x = drop(embed(tokens))
        for block in decoder:
            x = block(x, memory, inputs_mask=tokens_mask, memory_mask=source_mask)
        logits = embedding(decoder_norm(x), reverse=True)                        # (B, T, V)
        super().__init__(
            inputs={"source": source, "tokens": tokens}, outputs=logits, name=name, **kwargs)
        self.vocab_size = vocab_size
        self.max_length = max_length
        self._arguments = {
            "vocab_size": vocab_size, "max_length": max_length, "num_layers": num_layers,
            "num_decoder_layers": num_decoder_layers, "embed_dim": embed_dim, **blocks}
        self._embed = embed
        self._embedding = embedding
        self._encoder, self._encoder_norm = encoder, encoder_norm
        self._decoder, self._decoder_norm = decoder, decoder_norm

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Reads the source.

        Args:
            source: int32, `(B, S)`.

        Returns:
            The memory, float `(B, S, D)`, and its mask, boolean `(B, S)`.
        """
        mask = ops.not_equal(source, PAD)
        memory = self._embed(source)
        for block in self._encoder:
            memory = block(memory, mask=mask)
        return self._encoder_norm(memory), mask

    def start(self, source: Tensor) -> dict[str, Tensor]:
        memory, mask = self.encode(source)
        state = start_blocks(self._decoder, ops.shape(source)[0], self.max_length, memory)
        return {**state, "memory_mask": mask}

    def step(self, tokens: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        x = self._embed(ops.expand_dims(tokens, 1), state["position"])           # (B, 1, D)
        x, state = step_blocks(self._decoder, x, state, state["memory_mask"])
        logits = self._embedding(self._decoder_norm(x), reverse=True)            # (B, 1, V)
        return ops.squeeze(logits, 1), state

    def get_config(self) -> dict:
        return {**self._arguments, "name": self.name}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "Transformer":
        return cls(**config)


@plain_numbers
def transformer(size: str = "base", vocab_size: int = 37_000, max_length: int = 128,
                num_layers: int | None = None, num_decoder_layers: int | None = None,
                num_heads: int | None = None, embed_dim: int | None = None,
                mlp_dim: int | None = None, norm: str = "post",
                activation: str | typing.Callable = "relu", dropout: float = 0.1,
                attention_dropout: float = 0.0, seed: int | None = None,
                name: str = "transformer") -> Transformer:
    """Builds an encoder-decoder Transformer that returns logits and can generate.

    Args:
        size: A key of `SIZES`.
        vocab_size: Number of tokens `V`, shared by source and target.
        max_length: Longest source and longest target in tokens, start and end included.
        num_layers: Number of encoder blocks, in place of the size's.
        num_decoder_layers: Number of decoder blocks. Defaults to that of the encoder.
        num_heads: Number of heads `N`, in place of the size's.
        embed_dim: Width `D`, in place of the size's. It is even.
        mlp_dim: Inner width `F`, in place of the size's.
        norm: `"post"` as in the paper, or `"pre"`.
        activation: Name or function inside the feed-forward networks.
        dropout: Share dropped of embeddings and after each part in training, in `[0, 1)`.
        attention_dropout: Share of attention scores dropped in training, in `[0, 1)`.
        seed: Seed of the dropouts. `None` draws one.
        name: Name of the model.

    Returns:
        `Transformer`, a functional model:

        - In: `{"source": int32 (B, S), "tokens": int32 (B, T)}`, where 0 is padding.
        - Out: logits, float32 `(B, T, V)`.

    Raises:
        ValueError: `size` is not known.
        ValueError: a number is out of its range.
        ValueError: `num_heads` does not divide `embed_dim`.
        ValueError: `embed_dim` is odd.

    Example:

    >>> transformer("nano", vocab_size=11, max_length=7).count_params()
    5744

    Cost: `V·D + L·(12·D² + 4·D·F)` weights, with as many decoder as encoder blocks and without
    biases and norms.
    """
    if size not in SIZES:
        raise ValueError(explain("`size` is not known", size=size, fix=nearest(size, SIZES)))
    wanted = (num_layers, num_heads, embed_dim, mlp_dim)
    num_layers, num_heads, embed_dim, mlp_dim = (
        default if value is None else value
        for value, default in zip(wanted, SIZES[size], strict=True))
    num_decoder_layers = num_layers if num_decoder_layers is None else num_decoder_layers
    check_count(vocab_size=vocab_size, max_length=max_length, num_layers=num_layers,
                num_decoder_layers=num_decoder_layers, num_heads=num_heads, embed_dim=embed_dim,
                mlp_dim=mlp_dim)
    check_share(dropout=dropout, attention_dropout=attention_dropout)
    return Transformer(
        vocab_size, max_length, num_layers, num_decoder_layers, num_heads, embed_dim, mlp_dim,
        norm, activation, dropout, attention_dropout, seed, name)
