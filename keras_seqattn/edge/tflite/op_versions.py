"""The oldest runtime that computes a `.tflite` file rightly, from its ops and their tensors' types.

A runtime refuses ops of a version that it does not know. TensorFlow's converter sets the versions
by the types of the tensors; AI Edge Quantizer leaves them as they were in float, so that a runtime
before 2.17 would take a file whose weights have a scale per channel and read the first alone,
without a word. Here the versions follow from the types again.

Sources, both in LiteRT's repository: `tflite/tools/versioning/op_version.cc` for the version that
types need, `tflite/tools/versioning/runtime_version.cc` for its first release of TensorFlow Lite
(LiteRT 1.0 is 2.17). What they do not name is unknown here too.
"""

import contextlib
import mmap

# op: version for int8 activations, version for int16, first release of each version from 1 on
OPS = {
    "ABS": (2, 3, "1.13.0 2.4.0 2.5.0 2.6.0 2.12.0"),
    "ADD": (2, 3, "1.5.0 1.14.0 2.4.0 2.6.0 2.13.0"),
    "ARG_MAX": (2, 1, "1.9.0 1.14.0 2.9.0"),
    "AVERAGE_POOL_2D": (2, 3, "1.5.0 1.14.0 2.3.0"),
    "BATCH_MATMUL": (2, 3, "2.3.0 2.3.0 2.4.0 2.5.0"),
    "BROADCAST_TO": (3, 3, "- 2.5.0 2.5.0"),
    "CAST": (3, 1, "1.5.0 2.7.0 2.8.0 2.9.0 2.12.0 2.15.0 2.17.0"),
    "CONCATENATION": (2, 3, "1.5.0 1.14.0 2.3.0 2.14.0"),
    "CONV_2D": (3, 4, "1.5.0 1.14.0 1.14.0 2.3.0 2.4.0 2.9.0 2.11.0 2.15.0"),
    "CUMSUM": (1, 1, "2.4.0"),
    "DEPTHWISE_CONV_2D": (3, 5, "1.5.0 1.12.0 1.14.0 2.2.0 2.3.0 2.3.0 2.11.0"),
    "DEQUANTIZE": (2, 3, "1.13.1 1.14.0 1.15.0 2.2.0 2.7.0 2.18.0"),
    "DIV": (1, 1, "1.6.0 2.3.0"),
    "DYNAMIC_UPDATE_SLICE": (1, 4, "2.9.0 2.17.0 2.19.0 2.20.0"),
    "ELU": (1, 1, "1.14.0"),
    "EMBEDDING_LOOKUP": (1, 1, "1.13.0 1.14.0 1.14.0 2.18.0"),
    "EQUAL": (2, 4, "1.14.0 1.14.0 2.3.0 2.13.0"),
    "EXP": (2, 2, "1.7.0 2.12.0"),
    "EXPAND_DIMS": (1, 1, "1.10.0"),
    "FULLY_CONNECTED": (4, 7, "1.5.0 1.10.0 1.14.0 1.14.0 2.0.0 2.1.0 2.3.0 2.3.0 2.3.0 2.11.0 "
                              "2.15.0 2.17.0 2.18.0"),
    "GATHER": (2, 4, "1.6.0 1.14.0 1.15.0 2.4.0 2.5.0 2.13.0 2.15.0"),
    "GELU": (2, 1, "2.9.0 2.9.0"),
    "GREATER": (2, 1, "1.14.0 1.14.0"),
    "GREATER_EQUAL": (2, 3, "1.14.0 1.14.0 2.13.0"),
    "HARD_SWISH": (1, 1, "1.15.0"),
    "LEAKY_RELU": (1, 2, "1.13.1 2.3.0"),
    "LESS": (2, 3, "1.14.0 1.14.0 2.13.0"),
    "LOGICAL_AND": (1, 1, "1.11.0"),
    "LOGICAL_NOT": (1, 1, "1.11.0"),
    "LOGISTIC": (2, 3, "1.14.0 1.14.0 2.3.0"),
    "MAXIMUM": (2, 4, "1.14.0 1.14.0 2.3.0 2.3.0"),
    "MAX_POOL_2D": (2, 3, "1.5.0 1.14.0 2.3.0"),
    "MEAN": (2, 3, "1.6.0 1.14.0 2.4.0"),
    "MINIMUM": (2, 4, "1.14.0 1.14.0 2.3.0 2.3.0"),
    "MUL": (3, 4, "1.5.0 1.14.0 1.15.0 2.3.0 2.6.0 2.11.0 2.13.0"),
    "NEG": (1, 1, "1.9.0"),
    "PACK": (2, 3, "1.11.0 1.14.0 2.3.0 2.13.0"),
    "PAD": (2, 3, "1.5.0 1.14.0 2.4.0 2.6.0"),
    "PADV2": (2, 3, "1.9.0 1.14.0 2.4.0 2.6.0"),
    "POW": (1, 1, "1.10.0"),
    "QUANTIZE": (1, 1, "1.14.0 1.15.0 2.7.0"),
    "REDUCE_MAX": (2, 3, "1.11.0 1.14.0 2.5.0"),
    "RELU": (2, 3, "1.5.0 2.1.0 2.5.0"),
    "RELU6": (2, 3, "1.5.0 1.14.0 2.5.0"),
    "RESHAPE": (1, 1, "1.5.0"),
    "RSQRT": (2, 3, "1.10.0 2.5.0 2.15.0"),
    "SELECT": (2, 1, "1.14.0 1.14.0 2.12.0 2.12.0"),
    "SELECT_V2": (1, 1, "2.2.0 2.12.0"),
    "SHAPE": (1, 1, "1.10.0"),
    "SLICE": (2, 4, "1.14.0 1.14.0 1.14.0 2.4.0 2.5.0 2.14.0"),
    "SOFTMAX": (2, 3, "1.5.0 1.14.0 2.3.0"),
    "SPLIT": (2, 4, "1.5.0 1.14.0 1.14.0 2.3.0"),
    "SPLIT_V": (2, 1, "1.13.1 2.3.0"),
    "SQRT": (1, 1, "1.10.0"),
    "SQUARE": (1, 1, "1.12.0"),
    "SQUARED_DIFFERENCE": (2, 1, "1.13.1 2.5.0"),
    "SQUEEZE": (1, 1, "1.6.0 2.5.0"),
    "STRIDED_SLICE": (2, 1, "1.6.0 1.14.0 2.1.0 2.2.0 2.5.0 2.6.0 2.14.0 2.14.0"),
    "SUB": (2, 5, "1.6.0 1.14.0 2.3.0 2.4.0 2.4.0"),
    "SUM": (2, 1, "1.10.0 1.15.0"),
    "TANH": (2, 3, "1.14.0 1.14.0 2.3.0"),
    "TRANSPOSE": (2, 5, "1.6.0 1.14.0 1.15.0 2.3.0 2.4.0 2.12.0 2.14.4"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (1, 1, "1.13.1 1.14.0 2.3.0 2.12.0"),
    "UNPACK": (2, 4, "1.11.0 1.14.0 2.2.0 2.3.0"),
    "WHILE": (1, 1, "1.15.0"),
}
# op with int8 weights: their place, then version by one scale and by one per channel, if its
# activations are in float
WEIGHTS = {
    "BATCH_MATMUL": (1, 4, 4), "CONV_2D": (1, 2, 5), "DEPTHWISE_CONV_2D": (1, 4, 6),
    "EMBEDDING_LOOKUP": (1, 1, 4), "FULLY_CONNECTED": (1, 9, 12),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (2, 3, 3),
}
# op, type of its weights, type of its activations: version
NARROW = {("CONV_2D", "INT4", "INT8"): 7, ("EMBEDDING_LOOKUP", "INT4", "INT32"): 4,
          ("FULLY_CONNECTED", "INT4", "INT8"): 10, ("FULLY_CONNECTED", "INT4", "INT16"): 13}


@contextlib.contextmanager
def opened(path):
    """Opens a `.tflite` file without reading it into memory.

    Args:
        path: File.

    Yields:
        `ai_edge_litert.schema_py_generated.Model`, over the mapped file.
    """
    from ai_edge_litert.schema_py_generated import Model

    with open(path, "rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    yield Model.GetRootAs(mapped)


def versions(model):
    """Finds the version that each op of a file needs.

    Args:
        model: What `opened` yields.

    Returns:
        For each of the file's operator codes `(op, version)`; the version is `None` where the
        sources do not say which can compute it.
    """
    names, types = _names()
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    ops = [names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())] for code in codes]
    found = [code.Version() for code in codes]
    for subgraph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for op in map(subgraph.Operators, range(subgraph.OperatorsLength())):
            code = op.OpcodeIndex()
            needed = _needed(ops[code], subgraph, op, types)
            known = needed is not None and found[code] is not None
            found[code] = max(found[code], needed) if known else None
    return list(zip(ops, found, strict=True))


def minimum(path):
    """Finds the first release of TensorFlow Lite that computes a file rightly.

    Args:
        path: `.tflite` file.

    Returns:
        Its number, such as `"2.17.0"`; `None` if it is unknown for one of the file's ops.
    """
    with opened(path) as model:
        needed = [release(op, version) for op, version in versions(model)]
    if None in needed:
        return None
    return max(needed, key=lambda number: [int(part) for part in number.split(".")])


def release(op, version):
    """Returns the first release with an op's version, `None` if it is unknown.

    >>> release("GELU", 1), release("FULLY_CONNECTED", 12), release("GELU", 3)
    ('2.9.0', '2.17.0', None)
    """
    releases = OPS.get(op, (1, 1, ""))[2].split()
    known = version is not None and version <= len(releases) and releases[version - 1] != "-"
    return releases[version - 1] if known else None


def _names():
    from ai_edge_litert.schema_py_generated import BuiltinOperator, TensorType

    return [{value: name for name, value in vars(each).items() if isinstance(value, int)}
            for each in (BuiltinOperator, TensorType)]


def _needed(name, subgraph, op, types):
    """The version that the tensors of one op need; `None` if it is unknown."""
    if name not in OPS or not op.InputsLength():
        return 1
    first = subgraph.Tensors(op.Inputs(1 if name == "SPLIT" else 0))
    activations = types[first.Type()]
    if name in WEIGHTS:
        place, one_scale, per_channel = WEIGHTS[name]
        weights = subgraph.Tensors(op.Inputs(place))
        if types[weights.Type()] in ("INT4", "INT2"):
            return NARROW.get((name, types[weights.Type()], activations))
        if types[weights.Type()] == "INT8" and activations in ("FLOAT32", "INT32"):
            return per_channel if _per_channel(weights) else one_scale
    if name == "QUANTIZE":
        output = subgraph.Tensors(op.Outputs(0))
        return 3 if _per_channel(output) else 2 if types[output.Type()] == "INT16" else 1
    if name == "DEQUANTIZE" and _per_channel(first):
        return 5 if activations == "INT8" else None
    if name == "DEQUANTIZE" and activations == "FLOAT16":
        return 3
    for8, for16, _ = OPS[name]
    return {"INT8": for8, "INT16": for16, "INT4": None, "INT2": None}.get(activations, 1)


def _per_channel(tensor):
    quantization = tensor.Quantization()
    return quantization is not None and quantization.ScaleLength() > 1
