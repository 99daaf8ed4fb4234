"""The tables of a file while it is written: bodies with their ops and tensors, and the constants.

A body is what the schema calls a subgraph: what a signature runs, or a part of a loop.
"""

import hashlib
import os
import typing

import numpy as np

from keras_seqattn.edge.tflite import schema
from keras_seqattn.edge.tflite.write.ops import OPS
from keras_seqattn.edge.tflite.write.tensors import Tensor
from keras_seqattn.edge.tflite.write.unread import drop_unread

DESCRIPTION = "Written by keras_seqattn"
VERSION = 3
ENUMERATIONS = {"padding": "Padding", "fusedActivationFunction": "ActivationFunctionType",
                "mode": "MirrorPadMode"}


class Content:
    """A file in the making.

    Constants of the same bytes are stored once, whichever bodies read them.
    """

    def __init__(self) -> None:
        self.model = schema.record(
            "ModelT", version=VERSION, description=DESCRIPTION, operatorCodes=[], subgraphs=[],
            buffers=[schema.record("BufferT")], signatureDefs=[], metadata=[])
        self._codes: dict[str, int] = {}
        self._buffers: dict[tuple, int] = {}
        self._floats: set[int] = set()
        self._names: dict[str, int] = {}

    def body(self, name: str) -> "Body":
        """Adds a body."""
        graph = schema.record("SubGraphT", name=name, tensors=[], operators=[], inputs=[],
                              outputs=[])
        self.model.subgraphs.append(graph)
        return Body(self, graph, len(self.model.subgraphs) - 1)

    def name(self, name: str) -> str:
        """Returns a name that no tensor has: AI Edge Quantizer knows tensors by names alone."""
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return f"{name};{count}" if count else name

    def code(self, op: str) -> int:
        """Returns the place of an op among those that the file uses."""
        if op not in self._codes:
            number = schema.numbers("BuiltinOperator")[op]
            self.model.operatorCodes.append(schema.record(
                "OperatorCodeT", builtinCode=number, deprecatedBuiltinCode=min(number, 127),
                version=1))
            self._codes[op] = len(self._codes)
        return self._codes[op]

    def buffer(self, array: np.ndarray) -> int:
        """Returns the number of the buffer with the bytes of an array."""
        digest = hashlib.sha256(np.ascontiguousarray(array).data).digest()
        key = (array.nbytes, digest)
        if key not in self._buffers:
            self.model.buffers.append(schema.record("BufferT", data=array))
            self._buffers[key] = len(self.model.buffers) - 1
        if array.dtype.kind == "f":
            self._floats.add(self._buffers[key])
        return self._buffers[key]

    @property
    def weight_bytes(self) -> int:
        """Bytes of the constants that are floats."""
        return sum(self.model.buffers[place].data.nbytes for place in self._floats)

    def sign(self, name: str, body: "Body", inputs: dict[str, Tensor],
             outputs: dict[str, Tensor]) -> None:
        """Lets programs run a body under a name."""
        self.model.signatureDefs.append(schema.record(
            "SignatureDefT", signatureKey=name, subgraphIndex=body.index,
            inputs=_maps(inputs), outputs=_maps(outputs)))

    def save(self, path: str | os.PathLike) -> None:
        """Writes the file."""
        drop_unread(self.model)
        schema.save(self.model, path)


def _maps(tensors):
    return [schema.record("TensorMapT", name=name, tensorIndex=tensor.index)
            for name, tensor in tensors.items()]


class Written(typing.NamedTuple):
    """What an op was written with.

    Attributes:
        op: A key of `OPS`.
        inputs: `Tensor` of each input, or `None`.
        options: Fields of its table of options.
    """

    op: str
    inputs: tuple[Tensor | None, ...]
    options: dict[str, typing.Any]


class Body:
    """Ops and tensors of one body.

    Attributes:
        content: The `Content` that it belongs to.
        index: Its number within the file.
        made: `Written` by the number of the tensor that it makes.
        firsts: One computed number of each example, `(B, 1)`, by the number `B`.
    """

    def __init__(self, content: Content, graph: typing.Any, index: int) -> None:
        self.content, self.index = content, index
        self._graph = graph
        self._constants: dict[tuple, Tensor] = {}
        self.made: dict[int, Written] = {}
        self.firsts: dict[int, Tensor] = {}
        self.scope = "graph"

    def input(self, name: str, shape: tuple[int, ...], dtype: str) -> Tensor:
        """Adds a tensor that enters the body."""
        tensor = self._tensor(name, shape, dtype)
        self._graph.inputs.append(tensor.index)
        return tensor

    def output(self, tensor: Tensor) -> None:
        """Lets a tensor leave the body."""
        self._graph.outputs.append(tensor.index)

    def let_vary(self, tensor: Tensor) -> None:
        """Lets the op that reads a tensor write to it."""
        self._graph.tensors[tensor.index].isVariable = True

    def constant(self, array: typing.Any, dtype: str | None = None) -> Tensor:
        """Adds a constant; floats are float32.

        Args:
            array: Array or number.
            dtype: Dtype, by default that of the array.
        """
        array = np.asarray(array, dtype)
        if array.dtype == "float64":
            array = array.astype("float32")
        key = (self.content.buffer(array), array.shape, array.dtype.name)
        if key not in self._constants:
            self._constants[key] = self.own(array)
        return self._constants[key]

    def own(self, array: np.ndarray) -> Tensor:
        """Adds a constant whose tensor nothing else has, so that it can leave the body."""
        return self._tensor(f"{self.scope}/constant", array.shape, array.dtype.name, array,
                            self.content.buffer(array))

    def op(self, op: str, *inputs: Tensor | None, **options: typing.Any) -> typing.Any:
        """Adds an op and returns its output, or the list of its outputs if they are several.

        Args:
            op: A key of `OPS`.
            *inputs: `Tensor` of each input; `None` for one that is left out.
            **options: Fields of its table of options. `padding` and `fusedActivationFunction` are
                given by their names in the schema.

        Raises:
            ValueError: the inputs do not fit the op or each other.
        """
        row = OPS[op]
        made = row.rule(*inputs, **options)
        tensors = [self._tensor(self.scope, shape, dtype) for shape, dtype in made]
        record = schema.record(
            "OperatorT", opcodeIndex=self.content.code(op),
            inputs=[-1 if each is None else each.index for each in inputs],
            outputs=[each.index for each in tensors])
        if row.options is not None:
            record.builtinOptionsType = schema.numbers("BuiltinOptions").get(row.options, 0)
            record.builtinOptions = schema.record(f"{row.options}T", **{
                name: _field(name, value) for name, value in options.items()})
            if not record.builtinOptionsType:
                record.builtinOptions2Type = schema.numbers("BuiltinOptions2")[row.options]
                record.builtinOptions2, record.builtinOptions = record.builtinOptions, None
        self._graph.operators.append(record)
        self.made.update((each.index, Written(op, inputs, options)) for each in tensors)
        return tensors[0] if len(tensors) == 1 else tensors

    def _tensor(self, name, shape, dtype, array=None, buffer=0):
        shape = tuple(int(size) for size in shape)
        self._graph.tensors.append(schema.record(
            "TensorT", name=self.content.name(name), shape=list(shape), buffer=buffer,
            type=schema.numbers("TensorType")[dtype.upper()]))
        return Tensor(len(self._graph.tensors) - 1, shape, dtype, array)


def _field(name, value):
    if name in ENUMERATIONS and isinstance(value, str):
        return schema.numbers(ENUMERATIONS[name])[value]
    if name in ("outDataType", "inDataType"):
        return schema.numbers("TensorType")[value.upper()]
    return value
