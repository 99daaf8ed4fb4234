"""What stands in a `.tflite` file: its ops and tensors, read in place.

The file is mapped, not loaded, and only its tables are touched, so reading a file of a gigabyte
costs as little as reading a small one.
"""

import contextlib
import dataclasses
import functools
import mmap

from keras_seqattn.errors import explain

LARGEST = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One tensor of a graph.

    Attributes:
        index: Its number within its graph, as the interpreter counts.
        name: Name that the converter gave it.
        shape: Sizes; -1 where known only at run time.
        dtype: NumPy's name of its type, or `"int4"`, `"int2"` and the like, which NumPy lacks.
        bytes: Size of its constant data; 0 for what is computed.
        scales: Steps of its quantisation; empty for floats.
        zero_points: Integers that stand for 0; empty for floats.
    """

    index: int
    name: str
    shape: tuple
    dtype: str
    bytes: int
    scales: tuple
    zero_points: tuple


@dataclasses.dataclass(frozen=True)
class Op:
    """One op of a graph.

    Attributes:
        name: Name of the builtin op, or the custom op's own.
        custom: Whether it is no builtin.
        inputs: `Tensor` of each input; `None` for an optional one that is not there.
        outputs: `Tensor` of each output.
        transposed: Whether it is a matrix product that transposes an operand by a flag.
    """

    name: str
    custom: bool
    inputs: tuple
    outputs: tuple
    transposed: bool


@dataclasses.dataclass(frozen=True)
class Subgraph:
    """One graph of a file: the main one, the body of a loop, or that of another signature.

    Attributes:
        tensors: `Tensor` by index.
        ops: `Op` in the order in which they run.
        inputs: `Tensor` of each input.
        outputs: `Tensor` of each output.
    """

    tensors: tuple
    ops: tuple
    inputs: tuple
    outputs: tuple


def subgraphs(path):
    """Reads the graphs of a file; the first is the main one.

    Args:
        path: Path of a whole `.tflite` file.

    Returns:
        List of `Subgraph`.
    """
    with _mapped(path) as model:
        codes = [_op_name(model.OperatorCodes(i)) for i in range(model.OperatorCodesLength())]
        return [_subgraph(model, model.Subgraphs(i), codes) for i in range(model.SubgraphsLength())]


def signature_graphs(path):
    """Returns the numbers of the graphs that signatures run; the others belong to loops."""
    with _mapped(path) as model:
        return {model.SignatureDefs(i).SubgraphIndex() for i in range(model.SignatureDefsLength())}


def ops(path):
    """Returns the `Op` of all graphs of a file."""
    return [op for graph in subgraphs(path) for op in graph.ops]


def tensors(path):
    """Returns the `Tensor` of all graphs of a file."""
    return [tensor for graph in subgraphs(path) for tensor in graph.tensors]


def weight_bytes(path):
    """Returns the size of a file's constant numbers, indices and shapes left out, in bytes.

    A buffer that several tensors share counts once.
    """
    with _mapped(path) as model:
        tables = [model.Subgraphs(i) for i in range(model.SubgraphsLength())]
        every = [table.Tensors(i) for table in tables for i in range(table.TensorsLength())]
        buffers = {each.Buffer() for each in every if _is_number(each)}
        return sum(_buffer_bytes(model, buffer) for buffer in buffers)


def views(content, index=0):
    """Gives the constant data of a graph's tensors, to be read or written in place.

    Args:
        content: Bytes of a `.tflite` file, a NumPy uint8 array.
        index: Which graph; 0 is the main one.

    Returns:
        List with a uint8 array per tensor, a view on `content`; empty for what is computed.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content.data, 0)
    graph = model.Subgraphs(index)
    buffers = [model.Buffers(graph.Tensors(i).Buffer()) for i in range(graph.TensorsLength())]
    return [buffer.DataAsNumpy() if buffer.DataLength() else content[:0] for buffer in buffers]


def check_size(num_bytes):
    """Checks that weights fit into one flatbuffer, whose offsets have 31 bits.

    Args:
        num_bytes: Size of all weights in float32, in which the converter first writes them.

    Raises:
        ValueError: they do not fit.

    >>> check_size(330_000_000)
    """
    if num_bytes > LARGEST:
        raise ValueError(explain(
            f"the weights must fit into one .tflite file, {LARGEST:,} bytes in float32",
            num_bytes=num_bytes,
            fix="split the model in two, such as encoder and decoder, and export each, or use a "
                "smaller size of it"))


@contextlib.contextmanager
def _mapped(path):
    from ai_edge_litert import schema_py_generated as schema

    with (open(path, "rb") as stream,
          mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content):
        yield schema.Model.GetRootAs(content, 0)


def _subgraph(model, table, codes):
    made = tuple(_tensor(model, table.Tensors(i), i) for i in range(table.TensorsLength()))

    def chosen(length, number):
        places = (number(i) for i in range(length))
        return tuple(None if place < 0 else made[place] for place in places)

    found = []
    for i in range(table.OperatorsLength()):
        op = table.Operators(i)
        name, custom = codes[op.OpcodeIndex()]
        found.append(Op(
            name, custom, chosen(op.InputsLength(), op.Inputs),
            chosen(op.OutputsLength(), op.Outputs),
            name == "BATCH_MATMUL" and _is_transposed(op.BuiltinOptions())))
    return Subgraph(made, tuple(found), chosen(table.InputsLength(), table.Inputs),
                    chosen(table.OutputsLength(), table.Outputs))


def _tensor(model, table, index):
    signature = range(table.ShapeSignatureLength())
    shape = ([table.ShapeSignature(i) for i in signature] if signature
             else [table.Shape(i) for i in range(table.ShapeLength())])
    grid = table.Quantization()
    scales = () if grid is None else [grid.Scale(i) for i in range(grid.ScaleLength())]
    zeros = () if grid is None else [grid.ZeroPoint(i) for i in range(grid.ZeroPointLength())]
    return Tensor(index, table.Name().decode(), tuple(shape),
                  _names("TensorType")[table.Type()].lower(),
                  _buffer_bytes(model, table.Buffer()), tuple(scales), tuple(zeros))


def _is_number(table):
    """Whether a tensor counts or measures: a plain integer is an index or a shape."""
    grid = table.Quantization()
    return (_names("TensorType")[table.Type()] not in ("INT32", "INT64", "BOOL", "STRING")
            or (grid is not None and grid.ScaleLength() > 0))


def _buffer_bytes(model, index):
    """Size of a buffer, which lies in the flatbuffer or, in large files, behind it."""
    buffer = model.Buffers(index)
    return buffer.Size() if buffer.Offset() > 1 else buffer.DataLength()


def _is_transposed(options):
    from ai_edge_litert import schema_py_generated as schema

    if options is None:
        return False
    product = schema.BatchMatMulOptions()
    product.Init(options.Bytes, options.Pos)
    return product.AdjX() or product.AdjY()


def _op_name(code):
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = _names("BuiltinOperator")[builtin]
    return (code.CustomCode().decode(), True) if name == "CUSTOM" else (name, False)


@functools.cache
def _names(enum):
    """Name of each number of one of the schema's enumerations."""
    from ai_edge_litert import schema_py_generated as schema

    return {number: name for name, number in vars(getattr(schema, enum)).items()
            if not name.startswith("_")}
