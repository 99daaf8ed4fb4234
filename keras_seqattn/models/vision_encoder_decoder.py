"""A picture in, a text out: any image encoder and a Transformer that writes what it sees.

The decoder is that of GPT-2, with attention to the picture added:

- Its positions are learned.
- A norm stands before each part, and a last one behind all of them.
- One table of embeddings serves the tokens and the logits, unless `tied` is false.

Papers:

- Radford et al. 2019, section 2.3, for the decoder.
- Li et al. 2021, "TrOCR", sections 2.1 and 2.2. It puts an encoder of pictures before the decoder.

Deviation: any encoder serves, and the norms may also stand behind the parts.
"""

import typing
from collections.abc import Sequence

import keras
from keras import ops

from keras_seqattn.decoding.greedy_search import end_tokens
from keras_seqattn.errors import check_count, explain
from keras_seqattn.layers import LearnedPositionEmbedding, TransformerDecoderBlock
from keras_seqattn.layers.patch import as_tokens
from keras_seqattn.models.generator import (
    END,
    PAD,
    START,
    Generator,
    start_blocks,
    step_blocks,
)
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class VisionText(Generator):
    """The model that `vision_text` builds, of the same arguments without defaults."""

    source_name = "images"

    def __init__(self, encoder: keras.Model, vocab_size: int, max_length: int, num_layers: int,
                 num_heads: int, embed_dim: int, mlp_dim: int, norm: str,
                 activation: str | typing.Callable, dropout: float, attention_dropout: float,
                 epsilon: float, start_token: int, end_token: int | Sequence[int], pad_token: int,
                 seed: int | None, name: str = "vision_text", tied: bool = True, **kwargs: object):
        activation = keras.activations.get(activation)
        options: dict[str, typing.Any] = {
            "num_heads": num_heads, "mlp_dim": mlp_dim, "norm": norm, "dropout": dropout,
            "attention_dropout": attention_dropout, "epsilon": epsilon, "seed": seed}
        embedding = keras.layers.ReversibleEmbedding(
            vocab_size, embed_dim, name="embedding", reverse_dtype="float32", tie_weights=tied,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=0.02))
        position = LearnedPositionEmbedding(max_length=max_length, name="position")
        drop = keras.layers.Dropout(dropout, seed=seed, name="dropout")
        blocks = [TransformerDecoderBlock(name=f"decoder_{i}", activation=activation, **options)
                  for i in range(num_layers)]
        last_norm = (keras.layers.LayerNormalization(epsilon=epsilon, name="norm")
                     if norm == "pre" else keras.layers.Identity(name="norm"))
        projection = (keras.layers.Identity(name="projection")
                      if encoder.output_shape[-1] == embed_dim
                      else keras.layers.Dense(embed_dim, name="projection"))

        def look(images):
            features = encoder(images)
            return projection(as_tokens(features) if len(features.shape) == 4 else features)

        def embed(tokens, start=0):
            return position(embedding(tokens), start=start)

        images = keras.Input(encoder.input_shape[1:], name="images")
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        memory, x = look(images), drop(embed(tokens))
        for block in blocks:  # padding stands behind the text, so that no token reads it
            x = block(x, memory)
        logits = embedding(last_norm(x), reverse=True)                           # (B, T, V)
        super().__init__(
            inputs={"images": images, "tokens": tokens}, outputs=logits, name=name, **kwargs)
        self.vocab_size, self.max_length = vocab_size, max_length
        self.start_token, self.end_token, self.pad_token = start_token, end_token, pad_token
        self.encoder = encoder
        self._arguments = {
            "vocab_size": vocab_size, "max_length": max_length, "num_layers": num_layers,
            "embed_dim": embed_dim, **options, "start_token": start_token,
            "end_token": end_token, "pad_token": pad_token, "tied": tied,
            "activation": keras.activations.serialize(activation)}
        self._look, self._embed, self._embedding = look, embed, embedding
        self._blocks, self._last_norm = blocks, last_norm

    def start(self, source: Tensor) -> dict[str, Tensor]:
        return start_blocks(
            self._blocks, ops.shape(source)[0], self.max_length, self._look(source))

    def step(self, tokens: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        x = self._embed(ops.expand_dims(tokens, 1), state["position"])           # (B, 1, D)
        x, state = step_blocks(self._blocks, x, state)
        logits = self._embedding(self._last_norm(x), reverse=True)               # (B, 1, V)
        return ops.squeeze(logits, 1), state

    def get_config(self) -> dict:
        return {**self._arguments, "name": self.name,
                "encoder": keras.saving.serialize_keras_object(self.encoder)}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "VisionText":
        encoder = keras.saving.deserialize_keras_object(
            config["encoder"], custom_objects=custom_objects)
        return cls(**{**config, "encoder": encoder})


@plain_numbers
def vision_text(encoder: keras.Model, vocab_size: int, max_length: int, num_layers: int = 3,
                num_heads: int = 4, embed_dim: int = 256, mlp_dim: int | None = None, *,
                norm: str = "pre", activation: str | typing.Callable = "gelu",
                dropout: float = 0.1, attention_dropout: float = 0.0, epsilon: float = 1e-5,
                start_token: int = START, end_token: int | Sequence[int] = END,
                pad_token: int = PAD, tied: bool = True,
                seed: int | None = None, name: str = "vision_text") -> VisionText:
    """Builds a model that writes about pictures, such as captions.

    Args:
        encoder: A `keras.Model` from images to tokens or to a grid of features. Tokens,
            `(B, S, D_m)`, come from a `vit` up to its last norm. A grid, `(B, GH, GW, D_m)`, comes
            from a model of `keras.applications` without its top.
        vocab_size: Number of tokens `V`.
        max_length: Longest text in tokens, the end included.
        num_layers: Number of decoder blocks `L`.
        num_heads: Number of heads `N`.
        embed_dim: Width `D` of the decoder. A dense layer maps features of another width to it.
        mlp_dim: Inner width `F` of the feed-forward networks. Defaults to `4·D`.
        norm: `"pre"` or `"post"`, as for `TransformerDecoderBlock`.
        activation: Name or function inside the feed-forward networks. GPT-2's is `gelu_tanh`.
        dropout: Share dropped of embeddings and after each part in training, in `[0, 1)`.
        attention_dropout: Share of attention scores dropped in training, in `[0, 1)`.
        epsilon: Added to the variance in the norms.
        start_token: Token that is read first.
        end_token: Token that ends a text, or several such tokens.
        pad_token: Token behind the end.
        tied: Whether the embeddings of the tokens also make the logits. Otherwise a table of their
            own does.
        seed: Seed of the dropouts. `None` draws one.
        name: Name of the model.

    Returns:
        `VisionText`, a functional model:

        - In: `{"images": float (B, height, width, channels), "tokens": int32 (B, T)}`. Padding
          must stand behind the text.
        - Out: logits, float32 `(B, T, V)`.

    Raises:
        ValueError: a number is out of its range.
        ValueError: `num_heads` does not divide `embed_dim`.
        ValueError: a token is not below `vocab_size`.
        ValueError: the encoder does not return one tensor of rank 3 or 4.

    Example:

    >>> pictures = keras.Input((8, 8, 3))
    >>> encoder = keras.Model(pictures, keras.layers.Conv2D(5, 4, strides=4)(pictures))
    >>> vision_text(encoder, vocab_size=11, max_length=7, num_layers=1).output_shape
    (None, None, 11)

    Cost: `V·D + L·(8·D² + 2·D·F)` weights (+ biases and norms), besides the encoder's.
    """
    mlp_dim = 4 * embed_dim if mlp_dim is None else mlp_dim
    check_count(vocab_size=vocab_size, max_length=max_length, num_layers=num_layers,
                num_heads=num_heads, embed_dim=embed_dim, mlp_dim=mlp_dim)
    for field, token in (("start_token", start_token), ("pad_token", pad_token),
                         *(("end_token", each) for each in end_tokens(end_token))):
        if not 0 <= token < vocab_size:
            raise ValueError(explain(
                f"`{field}` must be a token of the vocabulary", **{field: token},
                vocab_size=vocab_size, fix="pass a number below vocab_size"))
    shape = encoder.output_shape
    if not isinstance(shape, tuple) or len(shape) not in (3, 4):
        raise ValueError(explain(
            "`encoder` must return one tensor of tokens, (B, S, D), or of a grid of features, "
            "(B, GH, GW, D)", output_shape=shape,
            fix="cut the model before its pooling, with include_top=False"))
    return VisionText(
        encoder, vocab_size, max_length, num_layers, num_heads, embed_dim, mlp_dim, norm,
        activation, dropout, attention_dropout, epsilon, start_token, end_token, pad_token, seed,
        name, tied)
