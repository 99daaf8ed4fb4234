"""ImageGPT: a decoder-only Transformer that writes an image pixel by pixel, row by row.

A pixel is one token, the nearest of a palette of colours. The blocks are those of GPT-2 with norms
that neither subtract a mean nor add an offset, and another GELU.
Paper: Chen et al. 2020, "Generative Pretraining from Pixels", sections 2.2 and 3.3; layers, widths
and parameters from its section 3.3, heads from the authors' code. Deviation: nano is ours.
"""

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_share, explain, nearest
from keras_seqattn.layers import LearnedPositionEmbedding, TransformerDecoderBlock, quick_gelu
from keras_seqattn.models.generator import Generator, start_blocks, step_blocks

# size: (num_layers, num_heads, embed_dim)
SIZES = {
    "nano": (2, 2, 16),
    "small": (24, 8, 512),
    "medium": (36, 8, 1024),
    "large": (48, 16, 1536),
}


@keras.saving.register_keras_serializable(package="keras_seqattn")
class ImageGPT(Generator):
    """The model that `image_gpt` builds; its arguments are all given.

    Its source is the beginning of an image: `generate(pixels)` writes the rest of it.
    """

    source_name = "tokens"
    pad_token = end_token = unknown_token = -1  # every token that it writes is a colour

    def __init__(self, vocab_size, max_length, num_layers, num_heads, embed_dim, mlp_dim,
                 activation, dropout, attention_dropout, epsilon, seed, name="image_gpt",
                 **kwargs):
        activation = keras.activations.get(activation)
        options = {"num_heads": num_heads, "mlp_dim": mlp_dim, "dropout": dropout,
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

    def longest(self, source):
        return self.max_length - source.shape[1]

    def start(self, source):
        """Reads the start token and all given pixels but the last, which `first_tokens` returns.

        Args:
            source: int32, `(B, P)`: the first `P` pixels of each image; `P` may be 0.
        """
        tokens = ops.pad(ops.cast(source, "int32"), ((0, 0), (1, 0)),
                         constant_values=self.start_token)                       # (B, P + 1)
        state = start_blocks(self._blocks, ops.shape(tokens)[0], self.max_length)
        _, state = self._read(tokens[:, :-1], state)
        return {**state, "first": tokens[:, -1]}

    def first_tokens(self, state):
        return state["first"]

    def step(self, tokens, state):
        x, state = self._read(ops.expand_dims(tokens, 1), state)                 # (B, 1, D)
        return ops.squeeze(self._head(self._norm(x)), 1), state

    def _read(self, tokens, state):
        """Reads the next tokens, int32 `(B, T)`: the last block's features, and the state."""
        return step_blocks(self._blocks, self._embed(tokens, state["position"]), state)

    def get_config(self):
        return {**self._arguments, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def image_gpt(size="small", vocab_size=513, max_length=1024, num_layers=None, num_heads=None,
              embed_dim=None, mlp_dim=None, *, activation=quick_gelu, dropout=0.0,
              attention_dropout=0.0, epsilon=1e-5, seed=None, name="image_gpt"):
    """Builds a model that writes and completes images, one colour of a palette after another.

    Args:
        size: A key of `SIZES`: nano, small, medium or large.
        vocab_size: Number of tokens `V`: the colours, and last the start token.
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
        `ImageGPT`: a functional model of `{"tokens": int32 (B, T)}`, the start token `V - 1` in
        front, to logits of the colour that follows each, float32 `(B, T, V - 1)`.
        `generate(pixels)` completes images of which the first pixels are given, int32 `(B, P)`,
        and returns those behind them; `P` may be 0.

    Raises:
        ValueError: the size is unknown, a number is out of its range, `vocab_size` is below 2 or
            `num_heads` does not divide `embed_dim`.

    Example:

    >>> model = image_gpt("nano", vocab_size=9, max_length=16)
    >>> model.generate(ops.zeros((2, 5), "int32")).tokens.shape
    (2, 11)

    Cost: `(2·V - 1 + max_length)·D + L·(4·D² + 2·D·F)` weights (+ biases and norms); a pixel costs
    as many multiply-adds as the weights + `2·L·T·D`.
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
