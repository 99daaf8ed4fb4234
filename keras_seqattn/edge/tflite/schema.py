"""Private parts of LiteRT, flatbuffers and AI Edge Quantizer: one function for each.

Every function refuses where the installed release lacks what it borrows, and names the loan. None
of them falls back on a default, since a default would be a wrong answer without a word.
"""

import functools
import importlib
import inspect
import os
import struct
import typing

import numpy as np

from keras_seqattn.errors import LoanError, explain

GENERATED = "ai_edge_litert.schema_py_generated"
IDENTIFIER = b"TFL3"
ALIGNMENT = 16
LARGEST_INSIDE = 2**31 - 2**24    # bytes of constants to which references of 31 bits reach
MARK = 2                            # an offset that is none yet; 0 and 1 mean "inside"
INTERPRETER = ("experimental_preserve_all_tensors", "experimental_op_resolver_type")
SETTINGS = ("ComputePrecision", "OpQuantizationConfig", "QuantGranularity", "TensorDataType",
            "TensorQuantizationConfig")


def _missing(loan: str, owner: str) -> LoanError:
    return LoanError(explain(
        "the library borrows a private part of another, and this version lacks it", loan=loan,
        owner=owner, fix="install the versions that the extra `edge` of keras_seqattn names"))


def _borrow(owner: typing.Any, name: str) -> typing.Any:
    """An attribute that must be there."""
    try:
        return getattr(owner, name)
    except AttributeError:
        raise _missing(name, getattr(owner, "__name__", type(owner).__name__)) from None


def _module(name: str) -> typing.Any:
    """A module that must be there if its package is."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise _missing(name.rpartition(".")[2], name.rpartition(".")[0]) from None


def root(content: typing.Any) -> typing.Any:
    """Returns the outermost table of a file's bytes, `Model`, without a copy."""
    return _borrow(_borrow(_module(GENERATED), "Model"), "GetRootAs")(content, 0)


@functools.cache
def numbers(enumeration: str) -> dict[str, int]:
    """Returns the number of each name of an enumeration, such as `"BuiltinOperator"`."""
    return {name: number for name, number in vars(_borrow(_module(GENERATED), enumeration)).items()
            if not name.startswith("_")}


@functools.cache
def names(enumeration: str) -> dict[int, str]:
    """Returns the name of each number of an enumeration."""
    return {number: name for name, number in numbers(enumeration).items()}


def options(op: typing.Any) -> dict[str, typing.Any]:
    """Returns the options of the table of an op by their names in the schema's objects."""
    union = op.BuiltinOptions()
    if union is None:
        return {}
    kind, module = names("BuiltinOptions")[op.BuiltinOptionsType()], _module(GENERATED)
    table = _borrow(module, kind)()
    table.Init(union.Bytes, union.Pos)
    return dict(vars(_borrow(_borrow(module, f"{kind}T"), "InitFromObj")(table)))


def record(kind: str, **fields: typing.Any) -> typing.Any:
    """Makes an object of the schema, such as `"TensorT"`, to be put into an unpacked model."""
    return _borrow(_module(GENERATED), kind)(**fields)


def unpacked(content: bytes) -> typing.Any:
    """Returns the bytes of a file as objects, `ModelT`, which can be changed."""
    return _borrow(_borrow(_module(GENERATED), "ModelT"), "InitFromPackedBuf")(content, 0)


def packed(model: typing.Any) -> bytes:
    """Returns the bytes of the file that an unpacked model describes."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(_borrow(model, "Pack")(builder), IDENTIFIER)
    return bytes(builder.Output())


def save(model: typing.Any, path: str | os.PathLike) -> None:
    """Writes the file that an unpacked model describes; its constants are copied one at a time.

    The tables come first. The bytes of a constant follow behind them, where its table refers to
    them. In a file of more than 2 GiB a reference does not reach that far. There the table notes
    place and size of the bytes, which lie behind the flatbuffer.

    Args:
        model: `ModelT`. The data of its buffers are arrays of any type, or `None`.
        path: Path of the file.
    """
    import flatbuffers

    data = [buffer.data for buffer in model.buffers]
    total = sum(each.nbytes for each in data if each is not None)
    behind = total > LARGEST_INSIDE
    for buffer, array in zip(model.buffers, data, strict=True):
        if array is not None and array.nbytes:
            buffer.data, buffer.offset, buffer.size = (
                (None, MARK, array.nbytes) if behind else (np.zeros(1, "uint8"), 0, 0))
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(_borrow(model, "Pack")(builder), IDENTIFIER)
    tables = bytearray(builder.Output())
    for buffer, array in zip(model.buffers, data, strict=True):
        buffer.data, buffer.offset, buffer.size = array, 0, 0
    _append(tables, data, path, behind)


def _append(tables, data, path, behind):
    """Writes tables, then the constants, and lets the tables refer to them."""
    outer = root(memoryview(tables))
    place = len(tables)
    places: list[int | None] = []
    for i, array in enumerate(data):
        if array is None or not array.nbytes:
            places.append(None)
            continue
        place += -(place + (0 if behind else 4)) % ALIGNMENT
        places.append(place)
        table = _borrow(outer, "Buffers")(i)
        slot = typing.cast(int, field(table, 1 if behind else 0))
        if behind:
            struct.pack_into("<Q", tables, slot, place)
        else:
            struct.pack_into("<I", tables, slot, place - slot)
        place += array.nbytes + (0 if behind else 4)
    with open(path, "wb") as stream:
        stream.write(tables)
        for start, array in zip(places, data, strict=True):
            if start is not None:
                stream.write(b"\0" * (start - stream.tell()))
                if not behind:
                    stream.write(struct.pack("<I", array.nbytes))
                stream.write(np.ascontiguousarray(array).reshape(-1).view("uint8").data)


def position(table: typing.Any) -> int:
    """Returns where in the file a table begins."""
    return _borrow(_borrow(table, "_tab"), "Pos")


def field(table: typing.Any, slot: int) -> int | None:
    """Returns where in the file a table holds a field, or `None` if it does not.

    Args:
        table: A table.
        slot: Number of the field in the schema, from 0 on.
    """
    offset = _borrow(_borrow(table, "_tab"), "Offset")(4 + 2 * slot)
    return position(table) + offset if offset else None


def reference(table: typing.Any, slot: int) -> int | None:
    """Returns where in the file that lies which a field refers to, or `None` without a field."""
    place = field(table, slot)
    return None if place is None else _borrow(_borrow(table, "_tab"), "Indirect")(place)


def keeper(path: str | os.PathLike, threads: int = 2) -> typing.Any:
    """Makes an interpreter that keeps every tensor of a run, on the plain kernels.

    Args:
        path: Path of a `.tflite` file.
        threads: CPU threads to run on.

    Returns:
        `ai_edge_litert.interpreter.Interpreter`. Its kernels are some times slower than XNNPACK's,
        and it holds all activations of one run at once.
    """
    module = _module("ai_edge_litert.interpreter")
    known = inspect.signature(module.Interpreter).parameters
    for name in INTERPRETER:
        if name not in known:
            raise _missing(name, "Interpreter")
    plain = _borrow(_borrow(module, "OpResolverType"), "BUILTIN_WITHOUT_DEFAULT_DELEGATES")
    return module.Interpreter(
        str(path), num_threads=threads, **dict(zip(INTERPRETER, (True, plain), strict=True)))


def planned_ops(interpreter: typing.Any) -> list[str]:
    """Returns the ops that an interpreter runs; what XNNPACK took over is one `DELEGATE` each."""
    details = _borrow(interpreter, "_get_ops_details")()
    if any("op_name" not in each for each in details):
        raise _missing("op_name", "_get_ops_details")
    return [each["op_name"] for each in details]


def quantizer_settings() -> typing.Any:
    """Returns AI Edge Quantizer's module of settings, `qtyping`, with all that is used of it."""
    module = _module("ai_edge_quantizer.qtyping")
    for name in SETTINGS:
        _borrow(module, name)
    return module


def has_kernel(op: str, config: typing.Any, algorithm: str) -> bool:
    """Whether AI Edge Quantizer can make integers of an op.

    Args:
        op: Name of the op.
        config: `OpQuantizationConfig` of `quantizer_settings`.
        algorithm: Name of an algorithm of AI Edge Quantizer.
    """
    manager = _module("ai_edge_quantizer.algorithm_manager")
    check = _borrow(manager, "check_op_quantization_config")
    try:
        check(algorithm, op, config)
    except ValueError:
        return False
    return True
