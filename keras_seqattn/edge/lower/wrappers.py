"""Layers that call another layer: over time, in both directions."""

import inspect

import keras
from keras import ops

from keras_seqattn.edge.lower.call import Unfit
from keras_seqattn.edge.lower.elementwise import traced


def _time_distributed(wrapper, x, training=None, mask=None):
    """One call for all positions, which stand in a batch, instead of one call for each."""
    layer = wrapper.layer
    if isinstance(layer, keras.layers.Dense):
        return layer(x)
    batch, steps = x.shape[:2]
    options = {}
    if mask is not None and "mask" in inspect.signature(layer.call).parameters:
        options["mask"] = ops.reshape(mask, (batch * steps, *mask.shape[2:]))
    made = layer(ops.reshape(x, (batch * steps, *x.shape[2:])), **options)
    return keras.tree.map_structure(
        lambda each: ops.reshape(each, (batch, steps, *each.shape[1:])), made)


def _bidirectional(wrapper, sequences, initial_state=None, mask=None, training=None):
    if wrapper.stateful:
        raise Unfit("it is stateful; `models.streaming` carries a state from call to call")
    half = None if initial_state is None else len(initial_state) // 2
    halves = (None, None) if half is None else (initial_state[:half], initial_state[half:])
    made = [layer(sequences, initial_state=state, mask=mask) for layer, state in zip(
        (wrapper.forward_layer, wrapper.backward_layer), halves, strict=True)]
    states = [state for each in made if wrapper.return_state for state in each[1:]]
    forward, backward = ((each[0] for each in made) if wrapper.return_state else made)
    if wrapper.return_sequences:
        backward = ops.flip(backward, axis=1)
    merged = _merged(wrapper.merge_mode, forward, backward)
    return [*merged, *states]


def _merged(mode, forward, backward):
    if mode is None:
        return [forward, backward]
    if mode == "concat":
        return [ops.concatenate([forward, backward], axis=-1)]
    if mode == "mul":
        return [forward * backward]
    total = forward + backward
    return [total * 0.5 if mode == "ave" else total]


HANDLERS = {
    keras.layers.TimeDistributed: traced(_time_distributed),
    keras.layers.Bidirectional: traced(_bidirectional),
}
