"""PyTorch's `nn.LSTM`."""

import keras
from keras import ops

from keras_seqattn.checkpoints.torch.attention import Source
from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.state import State


def lstm(state: Source, initial_state: bool = False) -> keras.Model:
    """Loads `torch.nn.LSTM`, of any number of layers, in one direction or both.

    Args:
        state: State of the module: dictionary of arrays, or path of a `.safetensors` file.
        initial_state: Whether the model also reads the states that it begins with. Without them
            it begins with zeros.

    Returns:
        A functional model of Keras' own LSTMs. Padding stands at the end.

        It reads a dictionary:

        - `inputs`: Float, `(B, T, D)`.
        - `mask`: Boolean, `(B, T)`, with `True` for a real token. `None` is without padding.
        - `hidden`, `cell`: With `initial_state`, PyTorch's `h_0` and `c_0` with the batch first,
          `(B, layers · directions, units)`.

        It returns a dictionary, in PyTorch's order:

        - `outputs`: `(B, T, directions · units)`, zero behind the end as of a packed sequence.
        - `hidden`: Final state, `(B, layers · directions, units)`.
        - `cell`: Final state, of the same shape.

    Raises:
        ValueError: an array is missing, has no place or has another shape. Projections of the
            hidden state have no place.
    """
    arrays = State(state)
    num_layers, units = arrays.count("weight_ih_l"), arrays.shape("weight_hh_l0", 2)[1]
    use_bias = "bias_ih_l0" in arrays
    ends = ["", "_reverse"] if "weight_ih_l0_reverse" in arrays else [""]
    x = inputs = keras.Input((None, arrays.shape("weight_ih_l0", 2)[1]), name="inputs")
    mask = keras.Input((None,), dtype="bool", name="mask", optional=True)
    read = {"inputs": inputs, "mask": mask}
    if initial_state:
        read |= {name: keras.Input((num_layers * len(ends), units), name=name)
                 for name in ("hidden", "cell")}
    finals: list[list] = []
    cells = []
    for number in range(num_layers):
        outputs, width = [], x.shape[-1]
        for end in ends:
            layer = keras.layers.LSTM(
                units, use_bias=use_bias, return_sequences=True, return_state=True,
                zero_output_for_mask=True, go_backwards=bool(end),
                name=f"lstm_{number}{end}")
            first = [read[name][:, len(finals)] for name in ("hidden", "cell")
                     ] if initial_state else None
            output, *final = layer(x, mask=mask, initial_state=first)
            outputs.append(ops.flip(output, axis=1) if end else output)
            finals.append(final)
            cells.append((layer.cell, f"l{number}{end}", width))
        x = ops.concatenate(outputs, axis=-1) if len(ends) > 1 else outputs[0]
    hidden, cell = (ops.stack(each, axis=1) for each in zip(*finals, strict=True))
    model = keras.Model(read, {"outputs": x, "hidden": hidden, "cell": cell}, name="lstm")
    for each, end, width in cells:
        _fill_cell(each, arrays, end, width)
    arrays.finish()
    return model


def _fill_cell(cell: keras.layers.LSTMCell, state: State, end: str, width: int) -> None:
    gates = 4 * cell.units
    hand_over(cell.kernel, state.take(f"weight_ih_{end}", gates, width).T)
    hand_over(cell.recurrent_kernel, state.take(f"weight_hh_{end}", gates, cell.units).T)
    if cell.use_bias:  # PyTorch adds two; both have the gates in Keras' order i, f, g, o
        hand_over(cell.bias, state.take(f"bias_ih_{end}", gates)
                  + state.take(f"bias_hh_{end}", gates))
