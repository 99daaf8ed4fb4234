"""Which processors take a `.tflite` file whole.

The CPU takes every file. LiteRT's GPU accelerator takes what stands here. Each op of `TAKEN` was
run on the accelerator of LiteRT 2.3 and gave the CPU's numbers. What is not known to be right is
left out, since the accelerator gives wrong numbers of some ops without a word. Of a few ops only
some forms are taken, as `_forms` tells.
"""

import collections.abc
import os

from keras_seqattn.edge.structures import batch_size
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.file import File, Graph, Op, Signature, Tensor

CPU, GPU, NPU = "cpu", "gpu", "npu"
MAX_RANK = 4
TAKEN = frozenset((
    "ABS", "ADD", "ARG_MAX", "ATAN2", "AVERAGE_POOL_2D", "BATCH_MATMUL", "CAST", "CEIL",
    "CONCATENATION", "CONV_2D", "COS", "CUMSUM", "DEPTHWISE_CONV_2D", "DEQUANTIZE", "DIV",
    "DYNAMIC_UPDATE_SLICE", "ELU", "EMBEDDING_LOOKUP", "EQUAL", "EXP", "FLOOR", "FLOOR_DIV",
    "FLOOR_MOD", "FULLY_CONNECTED", "GATHER", "GELU", "GREATER", "GREATER_EQUAL", "HARD_SWISH",
    "LEAKY_RELU", "LESS", "LESS_EQUAL", "LOG", "LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR",
    "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MIRROR_PAD", "MUL", "NEG",
    "NOT_EQUAL", "PACK", "PAD", "PADV2", "POW", "QUANTIZE", "REDUCE_ALL", "REDUCE_ANY",
    "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "ROUND", "RSQRT", "SELECT_V2", "SIGN", "SIN", "SLICE",
    "SOFTMAX", "SQRT", "SQUARE", "STRIDED_SLICE", "SUB", "SUM", "TANH", "TILE", "TRANSPOSE"))
DTYPES = ("float32", "int32", "bool", "int8", "uint8")     # of what is computed
CONSTANTS = (*DTYPES, "float16")
FLOATS = ("CUMSUM", "MINIMUM", "MAXIMUM")           # refused of integers, or beside a constant
OF_RANK_0 = ("ADD", "LESS_EQUAL", "PACK", "RESHAPE")    # take a computed number, such as a position
PADS = ("PAD", "PADV2", "MIRROR_PAD")
DEQUANTIZE_VERSION = 3                              # 5 has a step for each channel
DEADLY = "int4"     # weights of 4 bits end the process that gives them to the accelerator


def taken(path: str | os.PathLike) -> dict[str, list[str]]:
    """Tells which signatures of a file each processor takes whole.

    Args:
        path: Path of a `.tflite` file.

    Returns:
        Names of signatures by `"cpu"` and `"gpu"`.
    """
    file = reader.read(path)
    return {CPU: [each.name for each in file.signatures],
            GPU: [each.name for each in file.signatures if not refused(file, each)]}


def refused(file: File, signature: Signature) -> list[str]:
    """Tells why the accelerator does not take a signature whole.

    Args:
        file: What `reader.read` gives.
        signature: One of its signatures.

    Returns:
        Such as `["LOG_SOFTMAX: no kernel"]`; empty if it takes all.
    """
    graph = signature.graph
    given = {name: {"shape": tensor.shape} for name, tensor in signature.inputs.items()}
    reasons = [] if batch_size(given) == 1 else ["it takes one example at a time"]
    if any(tensor.dtype == DEADLY for tensor in file.tensors):
        reasons.append("weights of 4 bits end the process")
    if any(each.scales for each in (*graph.inputs, *graph.outputs)):
        reasons.append("inputs or outputs are integers with a scale")
    reasons += [f"{op.name}: {why}" for op in graph.ops for why in _whys(graph, op)]
    return list(dict.fromkeys(reasons))


def _whys(graph: Graph, op: Op) -> collections.abc.Iterator[str]:
    """What speaks against an op."""
    if op.name not in TAKEN:
        yield "no kernel, or one that is wrong"
        return
    tensors = [*op.given, *op.outputs]
    if any(len(tensor.shape) > MAX_RANK for tensor in tensors):
        yield f"a rank above {MAX_RANK}"
    if op.name not in OF_RANK_0 and any(
            not tensor.shape and not tensor.is_constant for tensor in tensors):
        yield "a computed number of rank 0"
    for tensor in tensors:
        if tensor.dtype not in (CONSTANTS if tensor.is_constant else DTYPES):
            yield f"a tensor of {tensor.dtype}"
    weighs = op.name == "DEQUANTIZE"    # weights, which are read before anything is computed
    if all(tensor.is_constant for tensor in op.given) and not weighs:
        yield "constants alone"
    yield from _forms(op)


def _forms(op: Op) -> collections.abc.Iterator[str]:
    """What speaks against the form of an op."""
    shape, output = op.given[0].shape, op.outputs[0]
    if op.name in FLOATS and output.dtype != "float32":
        yield f"{output.dtype}"
    if op.name == "NEG" and op.given[0].is_constant:
        yield "a constant"
    if op.name in PADS and (len(shape) < 3 or shape[0] != 1):
        yield "a rank below 3, or several examples"
    if op.name == "DEQUANTIZE" and op.code.version > DEQUANTIZE_VERSION:
        yield "a step for each channel"
    if op.name == "GATHER" and len(op.given[1].shape) != 1:
        yield "indices that are no list"
    if op.name == "BATCH_MATMUL" and shape[:-2] != op.given[1].shape[:-2]:
        yield "operands of different batches"
    if op.name == "SELECT_V2" and not _selects(op, output):
        yield "operands of other shapes than the output"
    if op.name == "DYNAMIC_UPDATE_SLICE" and sum(
            a != b for a, b in zip(shape, op.given[1].shape, strict=True)) > 1:
        yield "an update that is smaller along several axes"


def _selects(op: Op, output: Tensor) -> bool:
    return all(each.shape == output.shape or (each.is_constant and not each.shape)
               for each in op.given[1:])
