"""Weights in a form that NPUs take: what the CPU computes in integers as they come, as floats.

On a CPU weights of 4 or 8 bits meet activations that become integers as they come. The NPU's
compiler takes that of dense layers of 8 bits alone. Elsewhere the weights become the floats that
their integers stand for, exactly, and the NPU computes on floats of 16 bits.
"""

import os
import pathlib
import typing

import numpy as np

from keras_seqattn.edge.contract import checksum
from keras_seqattn.edge.tflite import schema

# Ops whose weights may be integers beside floats, and that the compiler takes with floats alone.
CONSTANTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "EMBEDDING_LOOKUP",
             "GATHER", "BATCH_MATMUL", "UNIDIRECTIONAL_SEQUENCE_LSTM")
DENSE, STORED = "FULLY_CONNECTED", "DEQUANTIZE"


def restate(file: os.PathLike | str, out: os.PathLike | str) -> list[str]:
    """Writes a file that computes the same on floats where the NPU's compiler asks for them.

    Args:
        file: Path of a `.tflite` file.
        out: Path of the file to write.

    Returns:
        Names of the weights that became floats, each once; nothing is written if there are none.
    """
    made = _Restated(pathlib.Path(file).read_bytes())
    for body in made.model.subgraphs:
        made.restate(body)
    if made.names:
        schema.save(made.model, out)
    return list(made.names)


class _Restated:
    """An unpacked file whose integers become floats where they must."""

    def __init__(self, content):
        self.model = schema.unpacked(content)
        self.model.metadata = [each for each in self.model.metadata or ()
                               if each.name != checksum.MARK.encode()]   # it loses its seal
        self.names: dict[str, None] = {}
        for buffer in self.model.buffers:
            if buffer.offset and buffer.size:     # behind the flatbuffer
                buffer.data = np.frombuffer(content, "uint8", buffer.size, buffer.offset)
            elif buffer.data is not None:
                buffer.data = np.asarray(buffer.data, "uint8")
            buffer.offset = buffer.size = 0
        self._types = schema.names("TensorType")
        self._buffers: dict[tuple[int, tuple[int, ...]], int] = {}
        ops = schema.names("BuiltinOperator")
        self._ops = [ops[max(each.builtinCode, each.deprecatedBuiltinCode)]
                     for each in self.model.operatorCodes]

    def restate(self, body):
        """Restates the weights of one graph."""
        kept = []
        floats: dict[int, int] = {}
        for op in body.operators:
            name = self._ops[op.opcodeIndex]
            places = [int(place) for place in op.inputs]
            if name == STORED and self._is_integer(body.tensors[places[0]]):
                made = body.tensors[int(op.outputs[0])]
                made.buffer = self._floats(body, body.tensors[places[0]])
                continue
            if self._must(body, name, op):
                op.inputs = [self._float(body, place, floats) for place in places]
            kept.append(op)
        body.operators = kept

    def _must(self, body, name, op):
        """Whether an op has floats beside integers that the compiler does not take beside them."""
        if self._types[body.tensors[int(op.outputs[0])].type] != "FLOAT32":
            return False
        weights = [body.tensors[int(place)] for place in op.inputs if place >= 0]
        blocks = any((each.quantization is not None and each.quantization.detailsType)
                     or self._types[each.type] == "INT4" for each in weights)
        return name in CONSTANTS or (name == DENSE and blocks)

    def _is_integer(self, tensor):
        """Whether a tensor is a constant of integers with steps."""
        buffer = self.model.buffers[tensor.buffer].data
        return (self._types[tensor.type] in ("INT4", "INT8") and tensor.quantization is not None
                and buffer is not None and len(buffer) > 0)

    def _float(self, body, place, floats):
        """Number of the tensor of floats in place of a constant of integers."""
        if place < 0 or not self._is_integer(body.tensors[place]):
            return place
        if place not in floats:
            tensor = body.tensors[place]
            body.tensors.append(schema.record(
                "TensorT", name=tensor.name + b"/floats", shape=list(map(int, tensor.shape)),
                buffer=self._floats(body, tensor), type=schema.numbers("TensorType")["FLOAT32"]))
            floats[place] = len(body.tensors) - 1
        return floats[place]

    def _floats(self, body, tensor):
        """Number of the buffer with the floats of a constant of integers."""
        self.names[tensor.name.decode()] = None
        shape = tuple(map(int, tensor.shape))
        key = (tensor.buffer, shape)
        if key not in self._buffers:
            self.model.buffers.append(schema.record("BufferT", data=self._computed(body, tensor)))
            self._buffers[key] = len(self.model.buffers) - 1
        return self._buffers[key]

    def _computed(self, body, tensor) -> np.ndarray:
        shape = tuple(map(int, tensor.shape))
        levels = self.model.buffers[tensor.buffer].data
        if self._types[tensor.type] == "INT4":
            levels = _unpacked(levels, int(np.prod(shape)))
        levels = levels.view("int8").reshape(shape).astype("float32")
        grid = tensor.quantization
        if grid.detailsType:
            steps = body.tensors[grid.details.scales]
            steps = self.model.buffers[steps.buffer].data.view("float16").astype("float32")
            blocks = levels.reshape(-1, grid.details.blockSize)
            return (blocks * steps.reshape(-1, 1)).reshape(shape)
        steps = np.asarray(grid.scale, "float32")
        if len(steps) > 1:
            axes = [1] * len(shape)
            axes[grid.quantizedDimension] = len(steps)
            steps = steps.reshape(axes)
        return levels * steps


def _unpacked(packed: typing.Any, count: int) -> np.ndarray:
    """Integers of 4 bits, two of them in a byte, the first in its lower half."""
    halves = np.stack([packed << 4, packed & 0xF0], axis=1).reshape(-1)[:count]
    return halves.view("int8") >> 4
