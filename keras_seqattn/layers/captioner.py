"""Words about a picture: an LSTM that reads image features and writes a caption."""

import typing

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_sequence, check_share, explain
from keras_seqattn.layers.fitting import check_batch, check_width
from keras_seqattn.layers.traced import TracedLayer
from keras_seqattn.plain import plain_numbers
from keras_seqattn.recurrence import states
from keras_seqattn.shapes import Shape, Tensor

PAD = 0


@keras.saving.register_keras_serializable(package="keras_seqattn")
class LSTMCaptioner(TracedLayer):
    """Predicts the next word of a caption from image features and the words before it.

    With attention it weighs the features anew for every word, as "Show, Attend and Tell" does.
    Without attention it sees their mean once, before the first word, as "Show and Tell" does.
    `call` reads whole captions, as in training. `start` and `step` read one word at a time.

    Args:
        vocab_size: Number of tokens `V`. Token 0 is padding.
        embed_dim: Width `E` of the word embeddings.
        units: Width `U` of the LSTM.
        attention: Whether it attends to the features.
        attention_dim: Width `A` in which features and state are compared. Defaults to `units`.
        dropout: Share of features, embeddings and outputs dropped in training, in `[0, 1)`.
        attention_penalty: Factor of `Σ_s (1 - Σ_t scores_ts)²` in the loss, a mean over the batch.
            It asks that a caption looks at all of the picture.
        scheduled_sampling: Share of words that are the layer's own likeliest ones in training.
        seed: Seed of dropout and sampling. `None` draws one.

    Call arguments:
        features: Float, `(B, S, D)`. One vector for each part of the picture.
        tokens: Integer, `(B, T)`. Words read so far, the start token first. A padding token leaves
            the state as it is and is not counted in the penalty.
        return_attention_scores: If `True`, also returns the scores.
        training: Whether dropout and scheduled sampling act.

    Returns:
        Logits of the words that follow, float `(B, T, V)`. With scores, a pair whose second is
        `(B, T, S)`.

    Raises:
        ValueError: A size is below 1. A share lies outside `[0, 1)`. `features` are not of rank 3.
            Scores or a penalty are wanted without attention.

    Example:

    >>> captioner = LSTMCaptioner(vocab_size=11, embed_dim=3, units=5)
    >>> tuple(captioner(ops.ones((2, 7, 4)), ops.ones((2, 6), "int32")).shape)
    (2, 6, 11)

    Masking: reads none, since padding is known by its token.
    Cost: `2·V·E + 4·U·(E + D + U) + A·(D + U) + 2·U·D + E·(U + D)` weights with attention. Without,
    `V·(E + U) + 4·U·(E + U) + D·E`. A word costs `V·E` multiply-adds less, and `S·(A + D)` more.
    Paper: Vinyals et al. 2015, section 3.1.
    Paper: Xu et al. 2015, sections 3.1.2 and 4.2, with its deep output (equation 7) and gate β.
    Paper: Bengio et al. 2015, section 2.4, at a constant share.
    """

    @plain_numbers
    def __init__(self, vocab_size: int, embed_dim: int = 256, units: int = 512,
                 attention: bool = True, attention_dim: int | None = None, dropout: float = 0.0,
                 attention_penalty: float = 0.0, scheduled_sampling: float = 0.0,
                 seed: int | None = None, **kwargs: typing.Any):
        super().__init__(**kwargs)
        attention_dim = units if attention_dim is None else attention_dim
        check_count(vocab_size=vocab_size, embed_dim=embed_dim, units=units,
                    attention_dim=attention_dim)
        check_share(dropout=dropout, scheduled_sampling=scheduled_sampling)
        if attention_penalty < 0 or (attention_penalty and not attention):
            raise ValueError(explain(
                "`attention_penalty` must not be below 0, and 0 without attention",
                attention_penalty=attention_penalty, attention=attention, fix="leave it out"))
        self.vocab_size = vocab_size
        self.embed_dim = embed_dim
        self.units = units
        self.attention = attention
        self.attention_dim = attention_dim
        self.dropout = dropout
        self.attention_penalty = attention_penalty
        self.scheduled_sampling = scheduled_sampling
        self.seed = seed
        policy = {"dtype": self.dtype_policy}

        def dense(width, name, **keywords):
            return keras.layers.Dense(width, name=name, **policy, **keywords)

        self._seeds = keras.random.SeedGenerator(seed)
        self._drop = keras.layers.Dropout(dropout, seed=seed, name="dropout", **policy)
        self._embedding = keras.layers.Embedding(vocab_size, embed_dim, name="embedding", **policy)
        self._cell = keras.layers.LSTMCell(units, name="lstm", **policy)
        self._logits = dense(vocab_size, "logits")
        if attention:
            self._hidden = dense(units, "hidden", activation="tanh")
            self._memory_cell = dense(units, "cell", activation="tanh")
            self._key = dense(attention_dim, "key", use_bias=False)
            self._query = dense(attention_dim, "query")
            self._compare = keras.layers.AdditiveAttention(name="compare", **policy)
            self._gate = dense(1, "gate", activation="sigmoid")
            self._from_state = dense(embed_dim, "from_state", use_bias=False)
            self._from_context = dense(embed_dim, "from_context", use_bias=False)
        else:
            self._image = dense(embed_dim, "image")

    def build(self, features_shape: Shape, tokens_shape: Shape | None = None) -> None:
        width = check_sequence(features_shape, "LSTMCaptioner, `features`,")
        self._built_shape = tuple(features_shape)
        self._embedding.build((None, None))
        if not self.attention:
            widths = {self._image: width, self._cell: self.embed_dim, self._logits: self.units}
        else:
            widths = {self._hidden: width, self._memory_cell: width, self._key: width,
                      self._from_context: width, self._query: self.units, self._gate: self.units,
                      self._from_state: self.units, self._cell: self.embed_dim + width,
                      self._logits: self.embed_dim}
            self._compare.build([(None, 1, self.attention_dim)] * 2)
        for layer, read in widths.items():
            layer.build((None, read))

    def call(self, features: Tensor, tokens: Tensor, return_attention_scores: bool = False,
             training: bool | None = None) -> Tensor | tuple[Tensor, Tensor]:
        self._check_scores(return_attention_scores)
        check_batch(features=features, tokens=tokens)
        state = self.start(self._drop(features, training=training))
        carried = {name: state.pop(name) for name in ("hidden", "cell")}
        tokens = ops.transpose(ops.cast(tokens, "int32"))                        # (T, B)
        embedded = self._drop(self._embedding(tokens), training=training)        # (T, B, E)
        words = {"embedded": embedded, "real": ops.expand_dims(ops.not_equal(tokens, PAD), -1)}
        if self.attention:
            carried |= {"context": ops.zeros_like(state["features"][:, 0]),
                        "scores": ops.zeros_like(state["features"][:, :, 0])}
        sampling = self.scheduled_sampling and training
        if sampling:
            carried |= {"own": tokens[0], "embedded": embedded[0]}
            words["replaced"] = ops.expand_dims(self._replaced(tokens), -1)

        def read_one(carried, word):
            embedded = word["embedded"]                                          # (B, E)
            if sampling:
                embedded = ops.where(word["replaced"], self._embedding(carried["own"]), embedded)
            read = self._read(embedded, word["real"], state, carried)
            if sampling:
                own = ops.argmax(self._write(read, embedded), axis=-1)
                read |= {"own": ops.cast(own, "int32"), "embedded": embedded}
            return read

        read = states(read_one, carried, words)
        logits = self._write(read, read.get("embedded", embedded), training)
        logits = ops.transpose(logits, (1, 0, 2))                                # (B, T, V)
        if not self.attention:
            return logits
        scores = ops.transpose(read["scores"], (1, 0, 2))                        # (B, T, S)
        if self.attention_penalty:
            real = ops.cast(ops.not_equal(ops.transpose(tokens), PAD), "float32")
            looked = ops.sum(ops.cast(scores, "float32") * ops.expand_dims(real, -1), axis=1)
            self.add_loss(self.attention_penalty * ops.mean(ops.sum(ops.square(1 - looked), -1)))
        return (logits, scores) if return_attention_scores else logits

    def start(self, features: Tensor) -> dict[str, Tensor]:
        """Looks at the picture before the first word.

        Args:
            features: Float, `(B, S, D)`.

        Returns:
            The state, float tensors with `B` as their first axis.
        """
        check_width("LSTMCaptioner", self._built_shape, features=features)
        features = ops.cast(features, self.compute_dtype)
        mean = ops.mean(features, axis=1)
        if self.attention:
            return {"hidden": self._hidden(mean), "cell": self._memory_cell(mean),
                    "features": features, "keys": self._key(features)}
        empty = ops.zeros((ops.shape(features)[0], self.units), mean.dtype)
        _, (hidden, cell) = self._cell(self._image(mean), [empty, empty])
        return {"hidden": hidden, "cell": cell}

    def step(self, tokens: Tensor, state: dict[str, Tensor], return_attention_scores: bool = False,
             ) -> tuple[Tensor, dict[str, Tensor]] | tuple[Tensor, dict[str, Tensor], Tensor]:
        """Reads one more word of each caption: the last column of `call`, at the cost of one.

        Args:
            tokens: Integer, `(B,)`.
            state: As of `start` or the step before.
            return_attention_scores: If `True`, also returns the scores.

        Returns:
            Logits of the next word, `(B, V)`, and the state. With scores, `(B, S)` as a third.
        """
        self._check_scores(return_attention_scores)
        embedded = self._embedding(tokens)
        real = ops.expand_dims(ops.not_equal(tokens, PAD), -1)
        new = self._read(embedded, real, state, state)
        logits = self._write(new, embedded)
        state = {**state, "hidden": new["hidden"], "cell": new["cell"]}
        return (logits, state, new["scores"]) if return_attention_scores else (logits, state)

    def compute_output_shape(self, features_shape: Shape, tokens_shape: Shape) -> Shape:
        return (*tokens_shape, self.vocab_size)

    def _read(self, embedded, real, state, carried):
        """One step of the LSTM: `hidden` and `cell`, with attention also `context` and `scores`."""
        hidden, cell, new = carried["hidden"], carried["cell"], {}
        if self.attention:
            query = ops.expand_dims(self._query(hidden), 1)                      # (B, 1, A)
            context, scores = self._compare(
                [query, state["features"], state["keys"]], return_attention_scores=True)
            new["context"] = self._gate(hidden) * ops.squeeze(context, 1)        # (B, D)
            new["scores"] = ops.squeeze(scores, 1)                               # (B, S)
            embedded = ops.concatenate([embedded, new["context"]], axis=-1)
        _, (next_hidden, next_cell) = self._cell(embedded, [hidden, cell])
        return {**new, "hidden": ops.where(real, next_hidden, hidden),
                "cell": ops.where(real, next_cell, cell)}

    def _write(self, read, embedded, training=False):
        """Logits from what was read."""
        if not self.attention:
            return self._logits(self._drop(read["hidden"], training=training))
        x = embedded + self._from_state(read["hidden"]) + self._from_context(read["context"])
        return self._logits(self._drop(x, training=training))

    def _check_scores(self, wanted):
        if wanted and not self.attention:
            raise ValueError(explain("only a layer with attention has scores",
                                     attention=self.attention, fix="use attention=True"))

    def _replaced(self, tokens):
        """Which of the tokens `(T, B)` give way to the layer's own: never the first."""
        drawn = keras.random.uniform(ops.shape(tokens), dtype="float32", seed=self._seeds)
        real = ops.logical_and(ops.not_equal(tokens, PAD), drawn < self.scheduled_sampling)
        later = ops.expand_dims(ops.arange(ops.shape(tokens)[0], dtype="int32") > 0, -1)
        return ops.logical_and(real, later)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in (
                "vocab_size", "embed_dim", "units", "attention", "attention_dim", "dropout",
                "attention_penalty", "scheduled_sampling", "seed")},
        }
