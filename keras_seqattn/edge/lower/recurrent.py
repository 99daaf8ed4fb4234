"""Recurrent layers: fused where TFLite has the op, unrolled where they are short, else a loop.

TFLite's op for an LSTM keeps its state from one run to the next and clips its cells at 10. Here the
state is an input that each run computes anew. `tflite.rewrite.lstm` takes the limit away.
"""

import collections.abc
import typing

import keras

from keras_seqattn.edge.lower.lowering import given

UNROLLED = 8  # steps up to which plain ops are worth their bytes


def lowered(layer: keras.layers.Layer, call_kwargs: dict[str, typing.Any], steps: int,
            ) -> tuple[collections.abc.Callable | None, str]:
    """Finds the best form of a recurrent layer for the edge.

    Args:
        layer: Built recurrent layer of Keras, or `Bidirectional` around one.
        call_kwargs: What the layer's call is given besides its inputs, by name.
        steps: Length `T` of the sequence.

    Returns:
        A function and a sentence. The function is called as the layer is, on `(1, T, D)`, and gives
        what the layer gives at inference. `None` stands for it where the layer itself is best,
        which is a loop on the device. The sentence says what was chosen and why.

    On device: the fused op has no kernel in XNNPACK. The op beats a loop for layers of few units,
    and wherever XNNPACK is off. With XNNPACK a loop over many units is faster.
    `benchmarks/recurrent.py` measures both. Each step of an unrolled layer keeps a copy of the
    weights in XNNPACK's memory.
    """
    directions = [layer]
    if isinstance(layer, keras.layers.Bidirectional):
        directions = [layer.forward_layer, layer.backward_layer]
    names = {name for name, value in call_kwargs.items() if value is not None}
    unfit = next(filter(None, (_unfit(each, names) for each in directions)), None)
    unfused = unfit or next(filter(None, map(_unfused, directions)), None)
    if unfused is None:
        make, form = _fused, ("a fused op for each direction" if len(directions) > 1
                              else "one fused op")
        form += ", which LiteRT's Interpreter runs and its CompiledModel does not"
    elif unfit is None and steps <= UNROLLED:
        make, form = _unrolled, f"unrolled, for {steps} steps are few, and not fused: {unfused}"
    else:
        return None, f"{layer.name} is a loop of {steps} steps: {unfused}"
    runs = [make(each) for each in directions]
    run = _both(layer, *runs) if len(runs) > 1 else runs[0]

    def function(sequences, initial_state=None, mask=None, training=False):
        return run(sequences, initial_state)

    return function, f"{layer.name} is {form}"


def _unfit(layer, given):
    """Why only the layer itself does what it does, or `None`."""
    plain = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN)
    reasons = (
        (type(layer) not in plain, f"{type(layer).__name__} is not a layer that is known here"),
        ("mask" in given, "it is called with a mask"),
        (layer.stateful, "it is stateful"))
    return next((reason for holds, reason in reasons if holds), None)


def _unfused(layer):
    """Why the op does not do what the layer does, or `None`."""
    if type(layer) is not keras.layers.LSTM:
        return "only an LSTM has a fused op"
    usual = (layer.activation is keras.activations.tanh
             and layer.recurrent_activation is keras.activations.sigmoid)
    reasons = (
        (not usual, "the fused op computes with tanh and sigmoid"),
        (layer.return_state, "the fused op does not give its last state"))
    return next((reason for holds, reason in reasons if holds), None)


def _fused(layer):
    import tensorflow as tf

    cell = layer.cell
    loop = tf.function(_loop, autograph=False, experimental_attributes={
        "api_implements": f"lstm_{layer.name}", "api_preferred_device": "CPU",
        "go_backwards": False, "time_major": False})

    def run(x, initial_state):
        # The op writes to its state, so a constant would hold the last run's: zeros are computed.
        # Each op needs its own, so the limit differs, or the converter would merge them.
        limit = -float(len(tf.compat.v1.get_default_graph().get_operations()))
        zero = tf.nn.relu(tf.minimum(x[:, 0, :1], limit))                     # (1, 1)
        state = tf.split(tf.tile(zero, (1, 2 * cell.units)), 2, axis=1)
        if initial_state is not None:
            state = [mine + given for mine, given in zip(state, initial_state, strict=True)]
        x = tf.reverse(x, [1]) if layer.go_backwards else x
        # Read here: the converter ends the process over a variable that the loop is given.
        kernel, recurrent_kernel = (tf.convert_to_tensor(each.value) for each in (
            cell.kernel, cell.recurrent_kernel))
        bias = tf.convert_to_tensor(cell.bias.value) if cell.use_bias else tf.zeros(4 * cell.units)
        sequence = loop(x, *state, kernel, recurrent_kernel, bias)[1]
        return sequence if layer.return_sequences else sequence[:, -1]

    return run


def _loop(x, output, cell, kernel, recurrent_kernel, bias):
    """An LSTM with the arguments and results by which the converter knows one."""
    import tensorflow as tf

    def step(state, x):
        output, cell = state
        gates = x @ kernel + output @ recurrent_kernel + bias
        enter, keep, new, leave = tf.split(gates, 4, axis=1)
        cell = tf.sigmoid(keep) * cell + tf.sigmoid(enter) * tf.tanh(new)
        return tf.sigmoid(leave) * tf.tanh(cell), cell

    outputs, cells = tf.scan(step, tf.transpose(x, (1, 0, 2)), (output, cell))   # (T, 1, units)
    sequence = tf.transpose(outputs, (1, 0, 2))
    return outputs[-1], sequence, outputs[-1], cells[-1], tf.constant(1.0)


def _unrolled(layer):
    def run(x, initial_state):
        state = layer.get_initial_state(1) if initial_state is None else initial_state
        state = keras.tree.flatten(state)
        steps = keras.ops.unstack(x, axis=1)                                  # T × (1, D)
        outputs = []
        for step in reversed(steps) if layer.go_backwards else steps:
            output, state = layer.cell(step, state, training=False)
            outputs.append(output)
        output = keras.ops.stack(outputs, axis=1) if layer.return_sequences else outputs[-1]
        return [output, *state] if layer.return_state else output

    return run


def _both(layer, forward, backward):
    """Both directions of a `Bidirectional`, merged as it merges them."""
    merge = {
        "concat": lambda a, b: [keras.ops.concatenate([a, b], axis=-1)],
        "sum": lambda a, b: [a + b],
        "mul": lambda a, b: [a * b],
        "ave": lambda a, b: [(a + b) / 2],
        None: lambda a, b: [a, b]}[layer.merge_mode]

    def run(x, initial_state):
        half = len(initial_state or ()) // 2
        there, back = (keras.tree.flatten(function(x, state)) for function, state in (
            (forward, initial_state and initial_state[:half]),
            (backward, initial_state and initial_state[half:])))
        if layer.return_sequences:
            back[0] = keras.ops.flip(back[0], axis=1)
        made = [*merge(there[0], back[0]), *there[1:], *back[1:]]
        return made if len(made) > 1 else made[0]

    return run


def _recurrent(lowering, call, inputs):
    if not lowering.fuse:
        return lowering.call(call, inputs)
    kwargs = {name: value for name, value in given(call).items() if name != "sequences"}
    function, sentence = lowered(call.operation, kwargs, call.tensors[0].shape[1])
    lowering.graph.notes.append(sentence)
    return lowering.call(call, inputs, function)


HANDLERS = dict.fromkeys(
    (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN, keras.layers.RNN,
     keras.layers.Bidirectional), _recurrent)
