"""Outputs that are tensors of their own.

TensorFlow's converter gives outputs of the same value one tensor, and an output that is an input
the tensor of that. LiteRT's CompiledModel then loses one of the names, or computes from the buffer
of the output in place of the input.
"""

import copy
import typing

import numpy as np

from keras_seqattn.edge.tflite import schema
from keras_seqattn.edge.tflite.rewrite.model import add_buffer, add_code


def separate(model: typing.Any, read_on: bool = False) -> bool:
    """Copies what an input or another output of the same signature is already.

    Args:
        model: What `schema.unpacked` returns; it computes the same afterwards.
        read_on: Whether outputs that ops of the graph read are copied as well.

    Returns:
        Whether there was any.
    """
    changed = [_separate(model, signature, read_on) for signature in model.signatureDefs or ()]
    return any(changed)


def _separate(model, signature, read_on):
    graph = model.subgraphs[signature.subgraphIndex]
    inputs, outputs = ([int(place) for place in each] for each in (graph.inputs, graph.outputs))
    read = {int(place) for op in graph.operators for place in op.inputs} if read_on else set()
    taken, changed = {*inputs, *read}, False
    for entry in signature.outputs:
        place = int(entry.tensorIndex)
        if place in taken:
            entry.tensorIndex, changed = _copied(model, graph, place), True
            if place in read - set(inputs) or outputs.count(place) > (place not in inputs):
                outputs[outputs.index(place)] = entry.tensorIndex
            else:
                outputs.append(entry.tensorIndex)
        taken.add(int(entry.tensorIndex))
    graph.outputs = outputs
    return changed


def _copied(model, graph, place):
    """Adds an op that copies a tensor; returns the place of the copy."""
    source = graph.tensors[place]
    shape = [] if source.shape is None else [int(size) for size in source.shape]
    made = copy.copy(source)
    made.name, made.buffer = source.name + b";copy", 0
    inputs = [place]
    graph.tensors.append(made)
    target = len(graph.tensors) - 1
    if shape:   # a constant of no bytes would be none
        graph.tensors.append(schema.record(
            "TensorT", shape=[len(shape)], type=schema.numbers("TensorType")["INT32"],
            buffer=add_buffer(model, np.array(shape, "int32")), name=made.name + b"/shape"))
        inputs.append(len(graph.tensors) - 1)
    graph.operators.append(schema.record(
        "OperatorT", opcodeIndex=add_code(model, "RESHAPE"), inputs=inputs, outputs=[target],
        builtinOptionsType=schema.numbers("BuiltinOptions")["ReshapeOptions"],
        builtinOptions=schema.record("ReshapeOptionsT", newShape=shape)))
    return target
