"""Recurrent layers: fused where TFLite has the op, unrolled where they are short, else a loop."""

import keras
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.arrays import reshape
from keras_seqattn.edge.lower.call import Call, Unfit, given
from keras_seqattn.edge.lower.lowering import Lowering
from keras_seqattn.edge.lower.slices import sliced

UNROLLED = 8  # steps up to which plain ops are worth their bytes


def _unfused(layer, named):
    """Why the op of TFLite does not do what the layer does, or `None`."""
    if type(layer) is not keras.layers.LSTM:
        return "only an LSTM has a fused op"
    usual = (layer.activation is keras.activations.tanh
             and layer.recurrent_activation is keras.activations.sigmoid)
    reasons = (
        (not usual, "the fused op computes with tanh and sigmoid"),
        ("mask" in named, "the fused op knows no mask"),
        (layer.return_state, "the fused op does not give its last state"))
    return next((reason for holds, reason in reasons if holds), None)


def _recurrent(lowering: Lowering, call: Call, inputs: list[int]) -> int | list[int]:
    """A recurrent layer.

    On device: the fused op has no kernel in XNNPACK. The op beats a loop for layers of few units,
    and wherever XNNPACK is off. With XNNPACK a loop over many units is faster.
    `benchmarks/recurrent.py` measures both. Each step of an unrolled layer keeps a copy of the
    weights in XNNPACK's memory.
    """
    layer, named = call.operation, given(call)
    if layer.stateful:
        raise Unfit("it is stateful; `models.streaming` carries a state from call to call")
    if not lowering.fuse:
        raise Unfit("its format has no op for it")
    x, mask = lowering.value(named["sequences"]), named.get("mask")
    mask = None if mask is None else lowering.value(mask)
    states = named.get("initial_state")
    if states is None:
        states = layer.get_initial_state(lowering.spec(x).shape[0])
    states = [lowering.value(each, "float32") for each in keras.tree.flatten(states)]
    if layer.go_backwards:
        x = lowering.add("flip", "reversed", [x], axis=1)
        mask = None if mask is None else lowering.add("flip", "reversed", [mask], axis=1)
    steps, unfused = lowering.spec(x).shape[1], _unfused(layer, named)
    note = lowering.graph.notes.append
    if unfused is None:
        note(f"{layer.name} is one fused op, which LiteRT's Interpreter runs and its CompiledModel "
             "does not")
        outputs = _fused(lowering, layer, x, states)
    else:
        note(f"{layer.name} is unrolled, for {steps} steps are few, and not fused: {unfused}"
             if steps <= UNROLLED else f"{layer.name} is a loop of {steps} steps: {unfused}")
        outputs, states = _stepped(lowering, layer, x, mask, states)
    made = outputs
    if not layer.return_sequences:
        shape = lowering.spec(outputs).shape
        made = reshape(lowering, sliced(lowering, outputs, 1, steps - 1, 1),
                       (shape[0], *shape[2:]))
    return [made, *states] if layer.return_state else made


def _fused(lowering, layer, x, states):
    """The op's own form; initial states of zeros are computed, since the op writes to them."""
    cell = layer.cell
    zeros = all(lowering.known(state) is not None and not lowering.known(state).any()
                for state in states)
    bias = lowering.array(cell.bias)
    kernel = lowering.array(cell.kernel)
    weights = {"kernel": kernel, "recurrent_kernel": lowering.array(cell.recurrent_kernel),
               "bias": lowering.array([0.0] * kernel.shape[1]) if bias is None else bias}
    return lowering.add("lstm", layer.name, [x, *([] if zeros else states)], weights)


def _stepped(lowering, layer, x, mask, states):
    """A graph for one step, run at each position, and what its states are at the end."""
    structure = layer.get_initial_state(lowering.spec(x).shape[0])
    sequences = [x] if mask is None else [x, mask]
    options = {"training": False} if borrowed.takes_training(layer.cell) else {}

    def step(*given):
        read, held = given[:len(sequences)], given[len(sequences):]
        before = held if mask is None else held[1:]
        output, after = layer.cell(
            read[0], keras.tree.pack_sequence_as(structure, list(before)), **options)
        after = keras.tree.flatten(after)
        if mask is None:
            return [output, *after]
        seen = ops.expand_dims(read[1], -1)
        skipped = ops.zeros_like(output) if layer.zero_output_for_mask else held[0]
        output = ops.where(seen, output, skipped)
        after = [ops.where(seen, new, old) for new, old in zip(after, before, strict=True)]
        return [output, output, *after]

    if mask is not None:
        size = layer.compute_output_shape(lowering.spec(x).shape)
        size = size[0] if isinstance(size[0], (tuple, list)) else size
        width = size[-1]
        states = [lowering.value(ops.zeros((lowering.spec(x).shape[0], width))), *states]
    values = _looped(lowering, layer.name, step, sequences, states)
    outputs, states = values[0], values[1:]
    return outputs, states if mask is None else states[1:]


def _looped(lowering, name, step, sequences, states):
    """Outputs at all positions, `(B, T, …)`, and the last states."""
    shapes = [lowering.spec(each).shape for each in sequences]
    specs = [keras.KerasTensor((shape[0], *shape[2:]), lowering.spec(each).dtype)
             for shape, each in zip(shapes, sequences, strict=True)]
    specs += [lowering.spec(state) for state in states]
    steps = shapes[0][1]
    if steps > UNROLLED:
        graph, captured = lowering.body(step, *specs)
        return lowering.add_many(
            1 + len(states), "scan", name, [*sequences, *states, *captured], step=graph,
            num_sequences=len(sequences), num_states=len(states))
    outputs = []
    for place in range(steps):
        read = [reshape(lowering, sliced(lowering, each, 1, place, 1), (shape[0], *shape[2:]))
                for each, shape in zip(sequences, shapes, strict=True)]
        made = step(*map(lowering.tensor, [*read, *states]))
        output, *states = [lowering.value(each) for each in made]
        shape = lowering.spec(output).shape
        outputs.append(reshape(lowering, output, (shape[0], 1, *shape[1:])))
    joined = outputs[0] if steps == 1 else lowering.add("concatenate", name, outputs, axis=1)
    return [joined, *states]


HANDLERS = dict.fromkeys(
    (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN, keras.layers.RNN), _recurrent)
