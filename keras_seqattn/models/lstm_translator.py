"""The encoder-decoder LSTM without attention: all it knows of the source is one state.

Paper: Sutskever et al. 2014, "Sequence to Sequence Learning with Neural Networks", section 2. The
source is read backwards, as in its section 3.3. One table of embeddings serves the source, the
target and the output. So does that of `transformer`, and both can be compared at one size.
"""

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_share
from keras_seqattn.models.generator import PAD, Generator
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class Seq2Seq(Generator):
    """The model that `seq2seq` builds, of the same arguments without defaults."""

    def __init__(self, vocab_size: int, max_length: int, embed_dim: int, units: int,
                 num_layers: int, dropout: float, seed: int | None, name: str = "seq2seq",
                 **kwargs: object):
        embedding = keras.layers.ReversibleEmbedding(
            vocab_size, embed_dim, name="embedding", reverse_dtype="float32",
            embeddings_initializer=keras.initializers.RandomNormal(stddev=embed_dim ** -0.5))
        drop = keras.layers.Dropout(dropout, seed=seed, name="dropout")
        project = keras.layers.Dense(embed_dim, name="project")
        encoder, decoder = (
            [keras.layers.LSTM(units, return_sequences=True, return_state=True,
                               name=f"{stack}_{i}") for i in range(num_layers)]
            for stack in ("encoder", "decoder"))

        def embed(tokens):
            return embedding(tokens) * embed_dim ** 0.5

        def encode(source):
            """Returns the last hidden and cell state of each layer."""
            source = ops.flip(source, axis=1)  # padding then comes first, and changes no state
            mask, x, states = ops.not_equal(source, PAD), drop(embed(source)), []
            for layer in encoder:
                x, *last = layer(x, mask=mask)
                states.append(last)
            return states

        source = keras.Input((None,), dtype="int32", name="source")
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        states = encode(source)
        x = drop(embed(tokens))
        for layer, state in zip(decoder, states, strict=True):
            x = layer(x, initial_state=state)[0]
        logits = embedding(project(drop(x)), reverse=True)                       # (B, T, V)
        super().__init__(
            inputs={"source": source, "tokens": tokens}, outputs=logits, name=name, **kwargs)
        self.vocab_size = vocab_size
        self.max_length = max_length
        self._arguments = {
            "vocab_size": vocab_size, "max_length": max_length, "embed_dim": embed_dim,
            "units": units, "num_layers": num_layers, "dropout": dropout, "seed": seed}
        self._embed, self._encode = embed, encode
        self._embedding, self._project, self._decoder = embedding, project, decoder

    def start(self, source: Tensor) -> dict[str, Tensor]:
        return {f"{name}_{index}": value for index, state in enumerate(self._encode(source))
                for name, value in zip(("hidden", "cell"), state, strict=True)}

    def step(self, tokens: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        x, state = self._embed(tokens), dict(state)                              # (B, D)
        for index, layer in enumerate(self._decoder):
            names = f"hidden_{index}", f"cell_{index}"
            x, new = layer.cell(x, [state[name] for name in names])
            state |= dict(zip(names, new, strict=True))
        return self._embedding(self._project(x), reverse=True), state

    def get_config(self) -> dict:
        return {**self._arguments, "name": self.name}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "Seq2Seq":
        return cls(**config)


@plain_numbers
def seq2seq(vocab_size: int, max_length: int = 128, embed_dim: int = 256, units: int = 512,
            num_layers: int = 1, dropout: float = 0.1, seed: int | None = None,
            name: str = "seq2seq") -> Seq2Seq:
    """Builds an encoder-decoder LSTM that returns logits and can generate.

    The model shows the bottleneck that attention removes. However long the source is, `2·L·U`
    numbers must hold all of it.

    Args:
        vocab_size: Number of tokens `V`, shared by source and target.
        max_length: Longest target in tokens, start and end included.
        embed_dim: Width `D` of the embeddings.
        units: Width `U` of the LSTMs.
        num_layers: Number of LSTMs `L` in the encoder, and in the decoder.
        dropout: Share dropped in training of embeddings and of the decoder's output, in `[0, 1)`.
        seed: Seed of the dropouts. `None` draws one.
        name: Name of the model.

    Returns:
        `Seq2Seq`, a functional model:

        - In: `{"source": int32 (B, S), "tokens": int32 (B, T)}`, where 0 is padding.
        - Out: logits, float32 `(B, T, V)`.

    Raises:
        ValueError: a number is out of its range.

    Example:

    >>> seq2seq(vocab_size=11, max_length=7, embed_dim=3, units=5).count_params()
    411

    Cost: `V·D + U·D + D + 8·U·(D + U + 1)` weights with one layer. A step costs as many
    multiply-adds as it has weights, and waits for the step before.
    """
    check_count(vocab_size=vocab_size, max_length=max_length, embed_dim=embed_dim, units=units,
                num_layers=num_layers)
    check_share(dropout=dropout)
    return Seq2Seq(vocab_size, max_length, embed_dim, units, num_layers, dropout, seed, name)
