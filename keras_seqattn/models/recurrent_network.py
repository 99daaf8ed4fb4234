"""Recurrent networks: a stack of Keras' simple, GRU or LSTM layers in one direction or both.

Papers:

- Simple layers: Elman 1990.
- GRU: Cho et al. 2014.
- LSTM: Hochreiter & Schmidhuber 1997.
- Both directions: Schuster & Paliwal 1997.
"""

import keras

from keras_seqattn.errors import check_count, check_share, explain, nearest
from keras_seqattn.models.sequence import answer, enter
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape

CELLS = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


@plain_numbers
def recurrent(cell: str, units: int, num_outputs: int, input_shape: Shape, *, num_layers: int = 1,
              bidirectional: bool = False, every_step: bool = False,
              vocab_size: int | None = None, embed_dim: int = 64, mask_value: float | None = None,
              dropout: float = 0.0, dtype: str | keras.DTypePolicy | None = None,
              seed: int | None = None, name: str = "recurrent") -> keras.Model:
    """Builds a recurrent network that classifies or predicts, once or at every step.

    `models.streaming` makes it read chunk by chunk.

    Args:
        cell: `"rnn"`, `"gru"` or `"lstm"`.
        units: Width of the state of one layer, in one direction.
        num_outputs: Number of logits, or of numbers to predict.
        input_shape: `(T, D)` for vectors, `(T,)` for tokens. `T` may be `None`.
        num_layers: Number of layers `L`.
        bidirectional: Whether each layer also reads backwards. Both outputs are concatenated.
        every_step: Whether there is an answer for each step, not for the sequence.
        vocab_size: Number of tokens `V`, of which 0 is padding. `None` for vectors.
        embed_dim: Width of a token's vector.
        mask_value: Steps whose features all are this number are padding. `None` for no padding.
        dropout: Share of each layer's inputs dropped in training, in `[0, 1)`.
        dtype: Dtype policy of the layers, for example `"mixed_bfloat16"`.
        seed: Seed of the dropouts. `None` draws one.
        name: Name of the model.

    Returns:
        A functional `keras.Model`:

        - In: float `(B, T, D)` or int32 `(B, T)`.
        - Out: float32 `(B, num_outputs)`, or `(B, T, num_outputs)` with an answer for each step.

        Padding changes nothing at real steps, wherever it stands.

    Raises:
        ValueError: `cell` is not known.
        ValueError: a size is below 1.
        ValueError: a rate lies outside `[0, 1)`.
        ValueError: tokens and vectors are confused.

    >>> recurrent("gru", 5, num_outputs=3, input_shape=(None, 2), bidirectional=True).output_shape
    (None, 3)
    """
    if cell not in CELLS:
        raise ValueError(explain("`cell` is not known", cell=cell, fix=nearest(cell, CELLS)))
    check_count(units=units, num_layers=num_layers)
    check_share(dropout=dropout)
    inputs, x = enter(input_shape, vocab_size, embed_dim, mask_value, dtype)
    for i in range(num_layers):
        layer = CELLS[cell](
            units, dropout=dropout, seed=seed, dtype=dtype, name=f"{cell}_{i}",
            return_sequences=every_step or i < num_layers - 1)
        if bidirectional:
            layer = keras.layers.Bidirectional(layer, dtype=dtype, name=f"both_{i}")
        x = layer(x)
    return keras.Model(inputs, answer(x, num_outputs), name=name)
