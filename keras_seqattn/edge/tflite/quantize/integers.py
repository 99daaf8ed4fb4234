"""Weights as integers, and computed with as they are: what needs no ranges of activations.

The weights of an op become integers in place of its floats. What happens to the activations is the
runtime's part: it turns them into integers as they come (dynamic), or a `DEQUANTIZE` in front turns
the weights into floats (stored).
"""

import os
import typing

import ml_dtypes
import numpy as np

from keras_seqattn.edge.tflite import schema
from keras_seqattn.edge.tflite.quantize import plan as plans
from keras_seqattn.edge.tflite.quantize.plan import Plan

TINY = np.float16(2.0 ** -24)    # XNNPACK refuses a step of 0
HALF = ("float16",)
CONVOLUTIONS = (plans.CONV, plans.DEPTHWISE)    # TensorFlow Lite 2.19 misreads a float32 bias
GATES = range(1, 9)     # of a fused LSTM: four gates read the features, four the last output


def write(plan: Plan, out: str | os.PathLike) -> None:
    """Writes the file of a plan, whose activations have no fixed ranges yet.

    Args:
        plan: What becomes an integer. Its file's weights lie on their grids.
        out: Path of the file to write.

    Cost: the integers and one weight in float are held in memory.
    """
    writer = _Writer(plan)
    writer.run()
    schema.save(writer.model, out)


class _Writer:
    """The unpacked model of a plan's float file, whose constants are views on that file."""

    def __init__(self, plan):
        self._plan = plan
        self.model = schema.unpacked(plan.file.content.data)
        for buffer, there in zip(self.model.buffers, plan.file.buffers, strict=True):
            if there.size:
                buffer.data = plan.file.data(there)
            buffer.offset = buffer.size = 0
        self._types = schema.numbers("TensorType")
        self._made: dict[tuple, typing.Any] = {}

    def run(self):
        """Turns the weights of all bodies into integers, and drops the floats nobody reads."""
        for number, (graph, body) in enumerate(
                zip(self._plan.file.graphs, self.model.subgraphs, strict=True)):
            operators, body.operators = body.operators, []
            known: dict[tuple, int] = {}
            for op, operator in zip(graph.ops, operators, strict=True):
                operator.inputs = list(operator.inputs)     # they are a view on the float file
                self._weights(body, op, operator, known)
                body.operators.append(operator)
            self._drop_floats(number, body)
        used = {tensor.buffer for body in self.model.subgraphs for tensor in body.tensors}
        used |= {entry.buffer for entry in self.model.metadata or ()}
        for place, buffer in enumerate(self.model.buffers):
            if place not in used:
                buffer.data = None

    def _weights(self, body, op, operator, known):
        if not self._plan.becomes_integers(op):
            return
        half = self._plan.precision.weights == "float16"
        restored = half or op in self._plan.stored - set(self._plan.static)
        for place, grid in self._grids(op):
            made = self._tensor(body, op.inputs[place], HALF if half else grid, known)
            operator.inputs[place] = self._dequantized(body, made, known) if restored else made
        if op.name == plans.LSTM:
            operator.builtinOptions.asymmetricQuantizeInputs = not half

    def _grids(self, op):
        """The places of an op's weights, and the grid of each."""
        if op.name == plans.LSTM:
            return [(place, (8, None, None)) for place in GATES if plans.is_float(op.inputs[place])]
        place, bias, *_ = plans.row(op)
        found: list[tuple] = [(place, (*self._plan.grid(op), plans.axis(op)))]
        if (self._plan.precision.weights == "float16" and op.name in CONVOLUTIONS
                and plans.is_float(plans.bias(op))):
            found.append((bias, HALF))
        return found

    def _tensor(self, body, tensor, grid, known):
        """Number of the tensor with the integers of a float tensor, made at its first use."""
        key = (tensor.index, grid)
        if key not in known:
            body.tensors.append(self._record(body, tensor, grid))
            known[key] = len(body.tensors) - 1
        return known[key]

    def _record(self, body, tensor, grid):
        record = schema.record("TensorT", name=f"{tensor.name}/{_name(grid)}",
                               shape=list(tensor.shape))
        key = (id(tensor.buffer), tensor.shape, grid)
        if key not in self._made:
            array, scales = _stored(self._plan.file.array(tensor), grid)
            self._made[key] = (self._buffer(array), scales, None)
        buffer, scales, steps = self._made[key]
        record.buffer = buffer
        if grid == HALF:
            record.type = self._types["FLOAT16"]
            return record
        bits, block, axis = grid
        record.type = self._types[f"INT{bits}"]
        record.quantization = schema.record("QuantizationParametersT")
        if block is None:
            record.quantization.scale = scales
            record.quantization.zeroPoint = np.zeros(len(scales), "int64")
            record.quantization.quantizedDimension = axis or 0
            return record
        if steps is None:
            steps = self._buffer(scales)
            self._made[key] = (buffer, scales, steps)
        body.tensors.append(schema.record(
            "TensorT", name=f"{tensor.name}/steps", shape=list(scales.shape), buffer=steps,
            type=self._types["FLOAT16"]))
        record.quantization.detailsType = schema.numbers("QuantizationDetails")[
            "BlockwiseQuantization"]
        record.quantization.details = schema.record(
            "BlockwiseQuantizationT", scales=len(body.tensors) - 1, zeroPoints=-1, blockSize=block)
        return record

    def _dequantized(self, body, place, known):
        """Number of the tensor with the floats of a stored one."""
        key = (place, "floats")
        if key not in known:
            stored = body.tensors[place]
            body.tensors.append(schema.record(
                "TensorT", name=f"{stored.name}/floats", shape=list(stored.shape), buffer=0,
                type=self._types["FLOAT32"]))
            known[key] = len(body.tensors) - 1
            body.operators.append(schema.record(
                "OperatorT", opcodeIndex=self._dequantize(), inputs=[place], outputs=[known[key]]))
        return known[key]

    def _dequantize(self):
        number = schema.numbers("BuiltinOperator")["DEQUANTIZE"]
        for place, code in enumerate(self.model.operatorCodes):
            if max(code.builtinCode, code.deprecatedBuiltinCode) == number:
                return place
        self.model.operatorCodes.append(schema.record(
            "OperatorCodeT", builtinCode=number, deprecatedBuiltinCode=number, version=1))
        return len(self.model.operatorCodes) - 1

    def _buffer(self, array):
        self.model.buffers.append(schema.record("BufferT", data=array))
        return len(self.model.buffers) - 1

    def _drop_floats(self, number, body):
        """Takes the constants that no op reads any more out of a body."""
        read = {int(place) for op in body.operators for place in (*op.inputs, *op.outputs)}
        read |= {int(place) for place in (*body.inputs, *body.outputs)}
        read |= {tensor.quantization.details.scales for place, tensor in enumerate(body.tensors)
                 if place in read and tensor.quantization is not None
                 and tensor.quantization.detailsType}
        kept = [place for place in range(len(body.tensors)) if place in read]
        places = {old: new for new, old in enumerate(kept)} | {-1: -1}
        body.tensors = [body.tensors[place] for place in kept]
        for owner in (*body.operators, body):
            owner.inputs = [places[int(place)] for place in owner.inputs]
            owner.outputs = [places[int(place)] for place in owner.outputs]
        for signature in self.model.signatureDefs or ():
            if signature.subgraphIndex == number:
                for each in (*signature.inputs, *signature.outputs):
                    each.tensorIndex = places[each.tensorIndex]
        for tensor in body.tensors:
            if tensor.quantization is not None and tensor.quantization.detailsType:
                details = tensor.quantization.details
                details.scales = places[details.scales]


def _name(grid):
    return grid[0] if grid == HALF else f"int{grid[0]}"


def _stored(weights: np.ndarray, grid: tuple) -> tuple[np.ndarray, typing.Any]:
    """Weights as they are stored, and their steps: one for each channel, block, or for all."""
    if grid == HALF:
        return weights.astype("float16"), None
    bits, block, axis = grid
    top = 2 ** (bits - 1) - 1
    if block is not None:
        grouped = weights.reshape(len(weights), -1, block)
        steps = (np.abs(grouped).max(axis=2) / top).astype(ml_dtypes.bfloat16)     # as XNNPACK does
        steps = np.maximum(steps.astype("float16"), TINY)
        levels = np.rint(grouped / steps[..., None].astype("float32"))
        return _packed(np.clip(levels, -top, top).astype("int8").reshape(-1)), steps
    others = tuple(place for place in range(weights.ndim) if axis is None or place != axis)
    steps = np.maximum(np.abs(weights).max(axis=others, keepdims=True), TINY) / np.float32(top)
    levels = np.clip(np.rint(weights / steps), -top, top).astype("int8")
    return levels, steps.reshape(-1).astype("float32")


def _packed(levels):
    """Two integers of 4 bits in a byte, the first in its lower half."""
    pairs = (levels & 15).astype("uint8").reshape(-1, 2)
    return pairs[:, 0] | pairs[:, 1] << 4
