"""ImageGPT: a decoder-only Transformer that writes an image pixel by pixel, row by row.

A pixel is one token, the nearest of a palette of colours. The blocks are those of GPT-2, but their
norms neither subtract a mean nor add an offset, and their GELU is another one.

Paper: Chen et al. 2020, "Generative Pretraining from Pixels", sections 2.2 and 3.3. Section 3.3
gives layers, widths and parameters. The authors' code gives the heads. Deviation: nano is ours.
"""

import typing

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_share, explain, nearest
from keras_seqattn.layers import LearnedPositionEmbedding, TransformerDecoderBlock, quick_gelu
from keras_seqattn.models.generator import Generator, start_blocks, step_blocks
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Tensor

# size: (num_layers, num_heads, embed_dim)
SIZES = {
    "nano": (2, 2, 16),
    "small": (24, 8, 512),
    "medium": (36, 8, 1024),
    "large": (48, 16, 1536),
}


@keras.saving.register_keras_serializable(package="keras_seqattn")
class ImageGPT(Generator):
    """The model that `image_gpt` builds, of the same arguments without defaults.

    Its source is the beginning of an image: `generate(pixels)` writes the rest of the image.
    """

    source_name = "tokens"
    pad_token = end_token = unknown_token = -1  # every token that the model writes is a colour

    def __init__(self, vocab_size: int, max_length: int, num_layers: int, num_heads: int,
                 embed_dim: int, mlp_dim: int, activation: str | typing.Callable, dropout: float,
                 attention_dropout: float, epsilon: float, seed: int | None,
                 name: str = "image_gpt", **kwargs: object):
        activation = keras.activations.get(activation)
        options: dict[str, typing.Any] = {
            "num_heads": num_heads, "mlp_dim": mlp_dim, "dropout": dropout,
            "attention_dropout": attention_dropout, "epsilon": epsilon, "seed": seed}
        embedding = keras.layers.Embedding(
            vocab_size, embed_dim, name="embedding",
            embeddings_initializer=keras.initializers.RandomNormal(stddev=0.02))
        position = LearnedPositionEmbedding(max_length=max_length, name="position")
        drop = keras.layers.Dropout(dropout, seed=seed, name="dropout")
        blocks = [TransformerDecoderBlock(
            name=f"decoder_{i}", activation=activation, normalization="rms", **options)
            for i in range(num_layers)]
        norm = keras.layers.RMSNormalization(epsilon=epsilon, name="norm")
        head = keras.layers.Dense(vocab_size - 1, use_bias=False, dtype="float32", name="logits")

        def embed(tokens, start=0):
            return position(embedding(tokens), start=start)

        tokens = keras.Input((None,), dtype="int32", name="tokens")
        x = drop(embed(tokens))
        for block in blocks:
            x = block(x)
        logits = head(norm(x))                                                   # (B, T, V - 1)
        super().__init__(inputs={"tokens": tokens}, outputs=logits, name=name, **kwargs)
        self.vocab_size, self.max_length = vocab_size, max_length
        self.start_token = vocab_size - 1
        self._arguments = {
            "vocab_size": vocab_size, "max_length": max_length, "num_layers": num_layers,
            "embed_dim": embed_dim, **options,
            "activation": keras.activations.serialize(activation)}
        self._embed, self._blocks, self._norm, self._head = embed, blocks, norm, head

    def longest(self, source: Tensor) -> int:
        return self.max_length - source.shape[1]

    def start(self, source: Tensor) -> dict[str, Tensor]:
        """Reads the start token and all given pixels but the last, which `first_tokens` returns.

        Args:
            source: The first `P` pixels of each image, int32 `(B, P)`. `P` may be 0.

        Returns:
            As for `Generator.start`.
        """
        tokens = ops.pad(ops.cast(source, "int32"), ((0, 0), (1, 0)),
                         constant_values=self.start_token)                       # (B, P + 1)
        state = start_blocks(self._blocks, ops.shape(tokens)[0], self.max_length)
        _, state = self._read(tokens[:, :-1], state)
        return {**state, "first": tokens[:, -1]}

    def first_tokens(self, state: dict[str, Tensor]) -> Tensor:
        return state["first"]

    def step(self, tokens: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        x, state = self._read(ops.expand_dims(tokens, 1), state)                 # (B, 1, D)
        return ops.squeeze(self._head(self._norm(x)), 1), state

    def _read(self, tokens, state):
        """Reads int32 tokens, `(B, T)`, and returns the last block's features and the state."""
        return step_blocks(self._blocks, self._embed(tokens, state["position"]), state)

    def get_config(self) -> dict:
        return {**self._arguments, "name": self.name}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "ImageGPT":
        return cls(**config)


@plain_numbers
def image_gpt(size: str = "small", vocab_size: int = 513, max_length: int = 1024,
              num_layers: int | None = None, num_heads: int | None = None,
              embed_dim: int | None = None, mlp_dim: int | None = None, *,
              activation: str | typing.Callable = quick_gelu, dropout: float = 0.0,
              attention_dropout: float = 0.0, epsilon: float = 1e-5, seed: int | None = None,
              name: str = "image_gpt") -> ImageGPT:
    """Builds a model that writes and completes images, one colour of a palette after another.

    Args:
        size: A key of `SIZES`, from `nano` to `large`.
        vocab_size: Number of tokens `V`. The last is the start token, the others are colours.
        max_length: Number of pixels of an image.
        num_layers: Number of blocks `L` in place of the size's.
        num_heads: Number of heads `N` in place of the size's.
        embed_dim: Width `D` in place of the size's.
        mlp_dim: Inner width `F` of the feed-forward networks. Defaults to `4·D`.
        activation: Name or function inside the feed-forward networks.
        dropout: Share dropped of embeddings and after each part in training, in `[0, 1)`.
        attention_dropout: Share of attention scores dropped in training, in `[0, 1)`.
        epsilon: Added to the mean square in the norms.
        seed: Seed of the dropouts. `None` draws one.
        name: Name of the model.

    Returns:
        `ImageGPT`, a functional model:

        - In: `{"tokens": int32 (B, T)}`, with the start token `V - 1` in front.
        - Out: logits of the colour that follows each token, float32 `(B, T, V - 1)`.

        `generate(pixels)` takes the first pixels of each image, int32 `(B, P)`, and returns the
        pixels behind them. `P` may be 0.

    Raises:
        ValueError: `size` is not known.
        ValueError: a number is out of its range.
        ValueError: `vocab_size` is below 2.
        ValueError: `num_heads` does not divide `embed_dim`.

    Example:

    >>> model = image_gpt("nano", vocab_size=9, max_length=16)
    >>> model.generate(ops.zeros((2, 5), "int32")).tokens.shape
    (2, 11)

    Cost: `(2·V - 1 + max_length)·D + L·(4·D² + 2·D·F)` weights (+ biases and norms). A pixel costs
    as many multiply-adds as there are weights, and `2·L·T·D` for attention.
    """
    if size not in SIZES:
        raise ValueError(explain("`size` is not known", size=size, fix=nearest(size, SIZES)))
    num_layers, num_heads, embed_dim = (
        default if given is None else given
        for given, default in zip((num_layers, num_heads, embed_dim), SIZES[size], strict=True))
    mlp_dim = 4 * embed_dim if mlp_dim is None else mlp_dim
    check_count(vocab_size=vocab_size, max_length=max_length, num_layers=num_layers,
                num_heads=num_heads, embed_dim=embed_dim, mlp_dim=mlp_dim)
    check_share(dropout=dropout, attention_dropout=attention_dropout)
    if vocab_size < 2:
        raise ValueError(explain("`vocab_size` must leave a colour beside the start token",
                                 vocab_size=vocab_size, fix="pass the number of colours + 1"))
    return ImageGPT(vocab_size, max_length, num_layers, num_heads, embed_dim, mlp_dim, activation,
                    dropout, attention_dropout, epsilon, seed, name)
