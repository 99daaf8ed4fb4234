"""Fused LSTMs: without their limit, and with weights in integers.

TFLite's op for an LSTM clips its cells at 10, which Keras' layer does not.
"""

import typing

import numpy as np

from keras_seqattn.edge.tflite import schema
from keras_seqattn.edge.tflite.rewrite.model import add_buffer, places

OP = "UNIDIRECTIONAL_SEQUENCE_LSTM"
WEIGHTS = slice(1, 9)   # of the op's inputs: four gates read the features, four the last output
QUANTISED = 3           # version of the op from which on its weights may be int8


def unclip(model: typing.Any) -> bool:
    """Lets the cells of fused LSTMs grow beyond 10, as those of Keras do.

    Args:
        model: What `schema.unpacked` returns; it changes in place.

    Returns:
        Whether anything in it is fused.
    """
    found = _fused(model)
    for _, op in found:
        op.builtinOptions.cellClip = 0.0
    return bool(found)


def quantise(model: typing.Any) -> bool:
    """Gives the weights of fused LSTMs as int8, one scale for each matrix of a gate.

    AI Edge Quantizer leaves the op alone. These are the numbers of TensorFlow's converter. The op
    multiplies integers then: each step's inputs become int8 as they come. Biases, state and outputs
    stay in float32.

    Args:
        model: What `schema.unpacked` returns of a float file, before AI Edge Quantizer has it. The
            model changes in place.

    Returns:
        Whether anything in it is fused.
    """
    found = _fused(model)
    for graph, op in found:
        code = model.operatorCodes[op.opcodeIndex]
        code.version = max(code.version, QUANTISED)
        op.builtinOptions.asymmetricQuantizeInputs = True
        for place in op.inputs[WEIGHTS]:
            _to_int8(model, graph.tensors[place])
    if found:
        _free_unused(model)
    return bool(found)


def _fused(model):
    fused = places(model, OP)
    return [(graph, op) for graph in model.subgraphs for op in graph.operators
            if op.opcodeIndex in fused]


def _to_int8(model, tensor):
    types = schema.numbers("TensorType")
    if tensor.type != types["FLOAT32"]:     # of a layer that is called twice
        return
    values = model.buffers[tensor.buffer].data.view("float32")
    scale = max(float(np.abs(values).max()), float(np.finfo("float32").tiny)) / 127
    integers = np.rint(values / scale).astype("int8")
    tensor.buffer, tensor.type = add_buffer(model, integers), types["INT8"]
    tensor.quantization = schema.record(
        "QuantizationParametersT", scale=np.array([scale], "float32"),
        zeroPoint=np.array([0], "int64"))


def _free_unused(model):
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or ()}
    for place, buffer in enumerate(model.buffers):
        if place not in used:
            buffer.data = None
