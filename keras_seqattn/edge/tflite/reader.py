"""The one view of a `.tflite` file.

`read` maps the file and walks through its tables once. Constants stay where they are. So a file of
a gigabyte is read as fast as a small one.
"""

import os
import typing

import numpy as np

from keras_seqattn.edge.tflite import schema
from keras_seqattn.edge.tflite.file import Buffer, Code, File, Graph, Op, Signature, Tensor

LARGEST = 2**31 - 1
# Slots of the tables in LiteRT's `tflite/converter/schema/schema.fbs`.
MODEL_SLOTS, BUFFER_DATA, BUFFER_OFFSET = 10, 0, 1


def read(path: str | os.PathLike, write: bool = False) -> File:
    """Reads a file.

    Args:
        path: Path of a whole `.tflite` file.
        write: Whether what is written into the arrays of constants goes into the file.

    Returns:
        `File`.
    """
    content = np.asarray(np.memmap(path, "uint8", "r+" if write else "r"))
    model = schema.root(content.data)
    codes = tuple(map(_code, _each(model, "OperatorCodes")))
    buffers = tuple(map(_buffer, _each(model, "Buffers")))
    graphs = tuple(_graph(table, codes, buffers) for table in _each(model, "Subgraphs"))
    slots = {slot: schema.reference(model, slot) for slot in range(1, MODEL_SLOTS)}
    return File(
        content, model.Version(), codes, buffers, graphs,
        tuple(_signature(table, graphs) for table in _each(model, "SignatureDefs")),
        {each.Name().decode(): buffers[each.Buffer()] for each in _each(model, "Metadata")},
        {slot: place for slot, place in slots.items() if place is not None})


def custom_ops(path: str | os.PathLike) -> list[str]:
    """Names of the ops of a file that are no builtins; no more than its first tables are read."""
    content = np.asarray(np.memmap(path, "uint8", "r"))
    codes = map(_code, _each(schema.root(content.data), "OperatorCodes"))
    return [code.name for code in codes if code.custom]


def _each(table: typing.Any, field: str) -> list:
    """The members of a vector of a table."""
    return list(map(getattr(table, field), range(getattr(table, f"{field}Length")())))


def _numbers(table: typing.Any, field: str) -> tuple:
    """The numbers of a vector of a table, all at once."""
    held = getattr(table, f"{field}AsNumpy")()
    return tuple(held.tolist()) if isinstance(held, np.ndarray) else ()  # 0 where there are none


def _code(table: typing.Any) -> Code:
    builtin, deprecated = table.BuiltinCode(), table.DeprecatedBuiltinCode()
    name = schema.names("BuiltinOperator")[max(builtin, deprecated)]
    custom = name == "CUSTOM"
    return Code(table.CustomCode().decode() if custom else name, custom, table.Version(), builtin,
                deprecated)


def _buffer(table: typing.Any) -> Buffer:
    """A buffer's bytes lie in the flatbuffer or, in large files, behind it."""
    place = schema.position(table)
    if table.Offset() > 1:
        return Buffer(place, table.Offset(), table.Size(), schema.field(table, BUFFER_OFFSET))
    vector = schema.reference(table, BUFFER_DATA)
    return Buffer(place, 0 if vector is None else vector + 4, table.DataLength())


def _graph(table: typing.Any, codes: tuple, buffers: tuple) -> Graph:
    made = tuple(_tensor(each, i, buffers) for i, each in enumerate(_each(table, "Tensors")))

    def chosen(owner, field):
        return tuple(None if place < 0 else made[place] for place in _numbers(owner, field))

    def op(each):
        code = codes[each.OpcodeIndex()]
        return Op(code, chosen(each, "Inputs"), chosen(each, "Outputs"), schema.options(each))

    return Graph(made, tuple(map(op, _each(table, "Operators"))), chosen(table, "Inputs"),
                 chosen(table, "Outputs"))


def _tensor(table: typing.Any, index: int, buffers: tuple) -> Tensor:
    grid = table.Quantization()
    return Tensor(
        index, (table.Name() or b"").decode(),
        _numbers(table, "ShapeSignature") or _numbers(table, "Shape"),
        schema.names("TensorType")[table.Type()].lower(), buffers[table.Buffer()],
        () if grid is None else _numbers(grid, "Scale"),
        () if grid is None else _numbers(grid, "ZeroPoint"))


def _signature(table: typing.Any, graphs: tuple) -> Signature:
    graph = graphs[table.SubgraphIndex()]

    def named(field, order):
        entries = [(each.Name().decode(), each.TensorIndex()) for each in _each(table, field)]
        return {name: tensor for tensor in order for name, index in entries
                if tensor.index == index}

    return Signature(table.SignatureKey().decode(), graph, named("Inputs", graph.inputs),
                     named("Outputs", graph.outputs))
