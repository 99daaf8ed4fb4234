"""How recurrent kinds are written: a fused LSTM, or a loop over positions."""

import typing

import numpy as np

from keras_seqattn.edge.tflite.write.arithmetic import ints, reshape
from keras_seqattn.edge.tflite.write.body import Body
from keras_seqattn.edge.tflite.write.loops import distinct
from keras_seqattn.edge.tflite.write.tensors import Tensor, Writers

STATE_LIMIT = np.float32(-1)


def write_lstm(body: Body, x: Tensor, *state: Tensor, kernel: np.ndarray,
               recurrent_kernel: np.ndarray, bias: np.ndarray) -> Tensor:
    """Writes an LSTM as one op, `(B, T, D)` to `(B, T, U)`.

    The op writes to its state, so a constant would hold the last run's. States of zeros are
    computed.
    """
    units = recurrent_kernel.shape[0]
    held = [body.op("ADD", each, body.constant(np.float32(0)), fusedActivationFunction="NONE")
            for each in state] or [_zeros(body, x, units) for _ in range(2)]
    for each in held:
        body.let_vary(each)
    gates = [[body.constant(np.ascontiguousarray(part.T)) for part in np.split(each, 4, axis=1)]
             for each in (kernel, recurrent_kernel)]
    # Keras has the gates in the order enter, keep, new, leave, as the op does.
    biases = [body.constant(np.ascontiguousarray(part)) for part in np.split(bias, 4)]
    none = [None]
    return body.op(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", x, *gates[0], *gates[1], *none * 3, *biases, *none * 2,
        *held, *none * 4, fusedActivationFunction="TANH", cellClip=0.0, projClip=0.0,
        timeMajor=False, asymmetricQuantizeInputs=False)


def _zeros(body, x, units):
    """Zeros `(B, U)`. Those of all layers come of what the first one reads: one border less."""
    batch = x.shape[0]
    if batch not in body.firsts:
        body.firsts[batch] = reshape(body, body.op(
            "SLICE", x, body.constant(ints([0, 0, 0])), body.constant(ints([batch, 1, 1]))),
            (batch, 1))
    negative = body.op("MINIMUM", body.firsts[batch], body.constant(
        np.full((1, units), STATE_LIMIT)))
    return body.op("RELU", negative)


def write_scan(body: Body, *values: Tensor, step: typing.Any, num_sequences: int,
               num_states: int) -> list[Tensor]:
    """Writes a loop over the positions of sequences, `(B, T, …)`.

    The loop carries its place, the states, the outputs, and what it only reads.
    """
    from keras_seqattn.edge.tflite.write.writer import emit

    sequences, rest = values[:num_sequences], values[num_sequences:]
    states, captured = rest[:num_states], rest[num_states:]
    steps = sequences[0].shape[1]
    probe = body.content.body("unused")         # what the outputs look like
    body.content.model.subgraphs.pop()
    shapes = [(each.shape[0], *each.shape[2:]) for each in sequences]
    made = emit(probe, step, [
        *(probe.input(f"x{i}", shape, each.dtype)
          for i, (shape, each) in enumerate(zip(shapes, sequences, strict=True))),
        *(probe.input(f"s{i}", each.shape, each.dtype)
          for i, each in enumerate((*states, *captured)))])
    output = made[0]
    empty = body.constant(np.zeros((output.shape[0], steps, *output.shape[1:]), output.dtype))
    carried = [body.constant(ints(0)), *states, empty, *sequences, *captured]

    condition = body.content.body(f"{body.scope}/condition")
    given = _inputs(condition, carried)
    condition.output(condition.op("LESS", given[0], condition.constant(ints(steps))))

    inner = body.content.body(f"{body.scope}/body")
    inner.scope = body.scope
    given = _inputs(inner, carried)
    place, held, outputs = given[0], given[1:1 + num_states], given[1 + num_states]
    read, more = given[2 + num_states:][:num_sequences], given[2 + num_states + num_sequences:]
    now = [inner.op("GATHER", each, place, axis=1, batchDims=0) for each in read]
    output, *after = emit(inner, step, [*now, *held, *more])
    part = reshape(inner, output, (output.shape[0], 1, *output.shape[1:]))
    where = inner.op("PACK", *(place if axis == 1 else inner.constant(ints(0))
                               for axis in range(len(part.shape))), axis=0,
                     valuesCount=len(part.shape))
    outputs = inner.op("DYNAMIC_UPDATE_SLICE", outputs, part, where)
    after_place = inner.op("ADD", place, inner.constant(ints(1)), fusedActivationFunction="NONE")
    for each in distinct(inner, [after_place, *after, outputs, *read, *more], set()):
        inner.output(each)
    left = body.op("WHILE", *carried, condSubgraphIndex=condition.index,
                   bodySubgraphIndex=inner.index)
    return [left[1 + num_states], *left[1:1 + num_states]]


def _inputs(body, tensors):
    return [body.input(f"{body.scope}/{place}", each.shape, each.dtype)
            for place, each in enumerate(tensors)]


WRITERS: Writers = {"lstm": write_lstm, "scan": write_scan}
