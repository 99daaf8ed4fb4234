"""Recurrent networks: Keras' simple, GRU and LSTM layers, stacked, in one direction or both.

Papers: Elman 1990 (`"rnn"`); Cho et al. 2014 (`"gru"`); Hochreiter & Schmidhuber 1997 (`"lstm"`);
Schuster & Paliwal 1997 (bidirectional).
"""

import keras

from keras_seqattn.errors import check_count, check_share, explain, nearest
from keras_seqattn.models.sequence import answer, enter

CELLS = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


def recurrent(cell, units, num_outputs, input_shape, *, num_layers=1, bidirectional=False,
              every_step=False, vocab_size=None, embed_dim=64, mask_value=None, dropout=0.0,
              dtype=None, seed=None, name="recurrent"):
    """Builds a recurrent network that classifies or predicts, once or at every step.

    `models.streaming` makes it read chunk by chunk.

    Args:
        cell: `"rnn"`, `"gru"` or `"lstm"`.
        units: Width of the state of one layer, in one direction.
        num_outputs: Number of logits, or of numbers to predict.
        input_shape: `(T, D)` for vectors, `(T,)` for tokens; `T` may be `None`.
        num_layers: Number of layers `L`.
        bidirectional: Whether each layer also reads backwards; its outputs are concatenated.
        every_step: Whether there is an answer for each step, not for the sequence.
        vocab_size: Number of tokens `V`, of which 0 is padding; `None` for vectors.
        embed_dim: Width of a token's vector.
        mask_value: Steps whose features all are this number are padding; `None` for no padding.
        dropout: Share of each layer's inputs dropped in training, in `[0, 1)`.
        dtype: Dtype policy of the layers, for example `"mixed_bfloat16"`.
        seed: Seed of the dropouts. `None` draws one.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: float `(B, T, D)` or int32 `(B, T)` to float32
        `(B, num_outputs)`, of every step `(B, T, num_outputs)`. Padding changes nothing at real
        steps, wherever it stands.

    Raises:
        ValueError: an unknown cell, a size below 1, a rate outside `[0, 1)`, tokens and vectors
            confused.

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
