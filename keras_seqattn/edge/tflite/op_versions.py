"""The oldest runtime that computes a `.tflite` file rightly, from its ops and their tensors' types.

A runtime refuses ops of a version that it does not know. TensorFlow's converter sets the versions
by the types of the tensors. AI Edge Quantizer leaves them as they were in float. A runtime before
2.17 would then take a file whose weights have a scale per channel, and read the first scale alone
without a word. Here the versions follow from the types again.

Sources, both in LiteRT's repository:

- `tflite/tools/versioning/op_version.cc` for the version that types need,
- `tflite/tools/versioning/runtime_version.cc` for its first release of TensorFlow Lite (LiteRT 1.0
  is 2.17).

What they do not name is unknown here too.
"""

import os

from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.file import Code, File, Op, Tensor

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
# op with int8 weights and activations in float: place of the weights, version by one scale, version
# by one scale per channel
WEIGHTS = {
    "BATCH_MATMUL": (1, 4, 4), "CONV_2D": (1, 2, 5), "DEPTHWISE_CONV_2D": (1, 4, 6),
    "EMBEDDING_LOOKUP": (1, 1, 4), "FULLY_CONNECTED": (1, 9, 12),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (2, 3, 3),
}
# op, type of its weights, type of its activations: version
NARROW = {("CONV_2D", "int4", "int8"): 7, ("EMBEDDING_LOOKUP", "int4", "int32"): 4,
          ("FULLY_CONNECTED", "int4", "int8"): 10, ("FULLY_CONNECTED", "int4", "int16"): 13}


def needed(file: File) -> dict[Code, int | None]:
    """Finds the version that each kind of op of a file needs.

    Args:
        file: What `reader.read` gives.

    Returns:
        Each of the file's `Code` to its version. The version is `None` where the sources do not say
        which can compute the op.
    """
    found: dict[Code, int | None] = {code: code.version for code in file.codes}
    for op in file.ops:
        before, version = found[op.code], _version(op)
        found[op.code] = None if before is None or version is None else max(before, version)
    return found


def minimum(path: str | os.PathLike) -> str | None:
    """Finds the first release of TensorFlow Lite that computes a file rightly.

    Args:
        path: Path of a `.tflite` file.

    Returns:
        Its number, such as `"2.17.0"`; `None` if it is unknown for one of the file's ops.
    """
    releases = [release(code.name, version)
                for code, version in needed(reader.read(path)).items()]
    known = [number for number in releases if number is not None]
    if len(known) < len(releases):
        return None
    return max(known, key=lambda number: [int(part) for part in number.split(".")])


def release(op: str, version: int | None) -> str | None:
    """Returns the first release with an op's version, `None` if it is unknown.

    >>> release("GELU", 1), release("FULLY_CONNECTED", 12), release("GELU", 3)
    ('2.9.0', '2.17.0', None)
    """
    releases = OPS.get(op, (1, 1, ""))[2].split()
    if version is None or version > len(releases) or releases[version - 1] == "-":
        return None
    return releases[version - 1]


def _version(op: Op) -> int | None:
    """The version that the tensors of one op need; `None` if it is unknown."""
    if op.code.custom:
        return None
    if op.name not in OPS or not op.inputs:
        return 1
    place, one_scale, per_channel = WEIGHTS.get(op.name, (0, 1, 1))
    first, weights = op.inputs[1 if op.name == "SPLIT" else 0], op.inputs[place]
    if first is None or weights is None:
        return None
    activations = first.dtype
    if op.name in WEIGHTS:
        if weights.dtype in ("int4", "int2"):
            return NARROW.get((op.name, weights.dtype, activations))
        if weights.dtype == "int8" and activations in ("float32", "int32"):
            return per_channel if _per_channel(weights) else one_scale
    if op.name == "QUANTIZE":
        output = op.outputs[0]
        return 3 if _per_channel(output) else 2 if output.dtype == "int16" else 1
    if op.name == "DEQUANTIZE" and _per_channel(first):
        return 5 if activations == "int8" else None
    if op.name == "DEQUANTIZE" and activations == "float16":
        return 3
    for8, for16, _ = OPS[op.name]
    return {"int8": for8, "int16": for16, "int4": None, "int2": None}.get(activations, 1)


def _per_channel(tensor: Tensor) -> bool:
    return len(tensor.scales) > 1
