"""What stands in a `.tflite` file: graphs and constants, signatures and metadata."""

import dataclasses
import functools
import typing

import numpy as np

INDICES = ("int32", "int64", "bool", "string")


@dataclasses.dataclass(frozen=True, eq=False)
class Buffer:
    """Bytes of a constant, of a metadata entry, or none.

    Attributes:
        place: Where in the file its table begins.
        start: Where its bytes begin.
        size: Number of its bytes; 0 for what is computed.
        note: Where in the file `start` is noted, of bytes that lie behind the flatbuffer. `None` of
            bytes inside.
    """

    place: int
    start: int
    size: int
    note: int | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor of a graph.

    Attributes:
        index: Its number within its graph, as the interpreter counts.
        name: Name that the converter gave it.
        shape: Sizes; -1 where known only at run time.
        dtype: NumPy's name of its type. Types that NumPy lacks have their own, such as `"int4"`.
        buffer: Its constant data, which several tensors may share.
        scales: Steps of its quantisation; empty for floats.
        zero_points: Integers that stand for 0; empty for floats.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    buffer: Buffer
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()

    @property
    def is_constant(self) -> bool:
        """Whether the file holds its values."""
        return self.buffer.size > 0


@dataclasses.dataclass(frozen=True, eq=False)
class Code:
    """One row of a file's list of kinds of ops; each version of an op has its own.

    Attributes:
        name: Name of the builtin op, or the custom op's own.
        custom: Whether it is no builtin.
        version: Version that the file declares.
        builtin: The schema's number of the op.
        deprecated: The same for old runtimes, which know no number above 127.
    """

    name: str
    custom: bool
    version: int
    builtin: int
    deprecated: int


@dataclasses.dataclass(frozen=True, eq=False)
class Op:
    """One op of a graph.

    Attributes:
        code: Its `Code`.
        inputs: `Tensor` of each input; `None` for an optional one that is not there.
        outputs: `Tensor` of each output.
        options: Its options by their names in the schema's objects, such as `"keepNumDims"`.
    """

    code: Code
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: dict[str, typing.Any]

    @property
    def name(self) -> str:
        """Name of the op."""
        return self.code.name

    @property
    def transposed(self) -> bool:
        """Whether it is a matrix product that transposes an operand by a flag."""
        return bool(self.options.get("adjX") or self.options.get("adjY"))

    @property
    def given(self) -> list[Tensor]:
        """The inputs that are there."""
        return [tensor for tensor in self.inputs if tensor is not None]


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """One graph of a file. It is what a signature runs, or the body of a loop.

    Attributes:
        tensors: `Tensor` by index.
        ops: `Op` in the order in which they run.
        inputs: `Tensor` of each input.
        outputs: `Tensor` of each output.
    """

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @functools.cached_property
    def _makers(self) -> dict[Tensor, Op]:
        return {tensor: op for op in self.ops for tensor in op.outputs}

    @functools.cached_property
    def _users(self) -> dict[Tensor, list[Op]]:
        found: dict[Tensor, list[Op]] = {}
        for op in self.ops:
            for tensor in dict.fromkeys(op.given):
                found.setdefault(tensor, []).append(op)
        return found

    def maker(self, tensor: Tensor) -> Op | None:
        """Returns the op that computes a tensor, if one of this graph does."""
        return self._makers.get(tensor)

    def users(self, tensor: Tensor) -> list[Op]:
        """Returns the ops that read a tensor, each once."""
        return self._users.get(tensor, [])

    def is_shared(self, tensor: Tensor) -> bool:
        """Whether several inputs of ops read the bytes of a constant, under whatever names."""
        return sum(each.buffer is tensor.buffer for op in self.ops for each in op.given) > 1


@dataclasses.dataclass(frozen=True, eq=False)
class Signature:
    """A graph that programs run, by name.

    Attributes:
        name: Its name.
        graph: The `Graph` that it runs.
        inputs: Name of each input to its `Tensor`, in the order of the graph.
        outputs: Name of each output to its `Tensor`, in the order of the graph.
    """

    name: str
    graph: Graph
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    @property
    def shared(self) -> list[tuple[str, str]]:
        """Each output whose tensor is an input or an earlier output, after the name of that."""
        owners: dict[Tensor, str] = {tensor: name for name, tensor in self.inputs.items()}
        return [(owners[tensor], name) for name, tensor in self.outputs.items()
                if owners.setdefault(tensor, name) != name or tensor in self.inputs.values()]


@dataclasses.dataclass(frozen=True, eq=False)
class File:
    """What stands in a `.tflite` file.

    Attributes:
        content: The file itself, mapped, as `(bytes,)` in uint8.
        version: Version of the format.
        codes: `Code` of each kind of op.
        buffers: `Buffer` by index.
        graphs: `Graph` by index; the first is the main one.
        signatures: `Signature` of each graph that programs run. The other graphs belong to loops.
        metadata: Name of each metadata entry to its `Buffer`.
        references: Slot of the outermost table to the place in the file that it refers to.
    """

    content: np.ndarray
    version: int
    codes: tuple[Code, ...]
    buffers: tuple[Buffer, ...]
    graphs: tuple[Graph, ...]
    signatures: tuple[Signature, ...]
    metadata: dict[str, Buffer]
    references: dict[int, int]

    @property
    def run(self) -> list[Graph]:
        """The graphs that programs run, without the bodies of loops."""
        return list(dict.fromkeys(each.graph for each in self.signatures)) or [*self.graphs[:1]]

    @property
    def ops(self) -> list[Op]:
        """The ops of all graphs."""
        return [op for graph in self.graphs for op in graph.ops]

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors of all graphs."""
        return [tensor for graph in self.graphs for tensor in graph.tensors]

    @property
    def weight_bytes(self) -> int:
        """Size of the constant numbers in bytes; one buffer of several tensors counts once.

        Indices and shapes do not count: they are integers without a scale.
        """
        return sum(buffer.size for buffer in {
            tensor.buffer for tensor in self.tensors
            if tensor.dtype not in INDICES or tensor.scales})

    def data(self, buffer: Buffer) -> np.ndarray:
        """Returns the bytes of a buffer as `(bytes,)` in uint8, a view on the file."""
        return self.content[buffer.start:buffer.start + buffer.size]

    def array(self, tensor: Tensor) -> np.ndarray:
        """Returns the values of a constant in its shape, a view on the file."""
        return self.data(tensor.buffer).view(tensor.dtype).reshape(tensor.shape)
