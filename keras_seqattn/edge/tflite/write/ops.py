"""The ops of TFLite that the writer uses: their options, and the rules that their tensors obey.

`OPS` has one row per op. A rule is a function of the op's inputs and options. It returns shape and
dtype of each output, or raises where the op could not run. So no file leaves with an op whose
tensors do not fit.
"""

import math

import numpy as np

from keras_seqattn.edge.tflite.write.tensors import Row, Rule, broadcast, fail
from keras_seqattn.edge.tflite.write.window_ops import WINDOW_OPS


def _same(*dtypes: str) -> Rule:
    def rule(x, **_):
        if x.dtype not in dtypes:
            fail("an op must read a type that it knows", dtype=x.dtype, known=dtypes)
        return [(x.shape, x.dtype)]
    return rule


def _pair(dtype: str | None = None) -> Rule:
    def rule(a, b, **_):
        if a.dtype != b.dtype:
            fail("operands must be of one type", dtypes=(a.dtype, b.dtype))
        return [(broadcast(a.shape, b.shape), dtype or a.dtype)]
    return rule


def _alike(a, b, **_):
    if a.shape != b.shape or a.dtype != b.dtype:
        fail("operands must be of one shape, as the op does not broadcast",
             shapes=(a.shape, b.shape), dtypes=(a.dtype, b.dtype))
    return [(a.shape, a.dtype)]


def _select(condition, a, b):
    if condition.dtype != "bool" or a.dtype != b.dtype:
        fail("a choice needs truth values and two operands of one type",
             dtypes=(condition.dtype, a.dtype, b.dtype))
    return [(broadcast(condition.shape, a.shape, b.shape), a.dtype)]


def _dense(x, kernel, bias=None, **_):
    features, summed = kernel.shape
    if x.shape[-1] != summed or (bias is not None and bias.shape != (features,)):
        fail("a dense layer must fit what it reads", x=x.shape, kernel=kernel.shape,
             bias=bias and bias.shape)
    return [((*x.shape[:-1], features), x.dtype)]


def _matmul(a, b, adjX=False, adjY=False):
    (rows, summed), (other, columns) = a.shape[-2:], b.shape[-2:]
    rows, summed = (summed, rows) if adjX else (rows, summed)
    other, columns = (columns, other) if adjY else (other, columns)
    if summed != other or a.dtype != b.dtype:
        fail("matrices must fit each other", shapes=(a.shape, b.shape), dtypes=(a.dtype, b.dtype))
    return [((*broadcast(a.shape[:-2], b.shape[:-2]), rows, columns), a.dtype)]


def _reshape(x, shape, **_):
    made = tuple(int(size) for size in shape.array)
    if math.prod(made) != math.prod(x.shape):
        fail("a shape must hold as many numbers", before=x.shape, after=made)
    return [(made, x.dtype)]


def _squeeze(x, squeezeDims):
    return [(tuple(size for axis, size in enumerate(x.shape) if axis not in squeezeDims), x.dtype)]


def _transpose(x, order, **_):
    axes = [int(axis) for axis in order.array]
    if sorted(axes) != list(range(len(x.shape))):
        fail("each axis must be named once", shape=x.shape, axes=axes)
    return [(tuple(x.shape[axis] for axis in axes), x.dtype)]


def _reduced(x, over, keepDims=False):
    axes = {int(axis) for axis in np.ravel(over.array)}
    return [(tuple(1 if axis in axes else size for axis, size in enumerate(x.shape)
                   if keepDims or axis not in axes), x.dtype)]


def _index_of(x, over, outputType=2):
    axis = int(np.ravel(over.array)[0])
    return [(x.shape[:axis] + x.shape[axis + 1:], "int32")]


def _concatenate(*tensors, axis, **_):
    first = tensors[0]
    for each in tensors:
        if (each.dtype != first.dtype or len(each.shape) != len(first.shape)
                or any(mine != its for place, (mine, its) in enumerate(
                    zip(each.shape, first.shape, strict=True)) if place != axis)):
            fail("what is joined must fit", shapes=[each.shape for each in tensors], axis=axis,
                 dtypes=[each.dtype for each in tensors])
    size = sum(each.shape[axis] for each in tensors)
    return [((*first.shape[:axis], size, *first.shape[axis + 1:]), first.dtype)]


def _slice(x, starts, sizes):
    made = tuple(int(size) for size in sizes.array)
    if any(start < 0 or start + size > whole for start, size, whole in zip(
            starts.array, made, x.shape, strict=True)):
        fail("a slice must lie inside", shape=x.shape, starts=starts.array, sizes=made)
    return [(made, x.dtype)]


def _strided_slice(x, starts, ends, strides, **_):
    return [(tuple(len(range(int(start), int(end), int(stride))) for start, end, stride in zip(
        starts.array, ends.array, strides.array, strict=True)), x.dtype)]


def _pad(x, sides, *_, **__):
    return [(tuple(size + int(before) + int(after) for size, (before, after) in zip(
        x.shape, sides.array, strict=True)), x.dtype)]


def _tile(x, repeats):
    return [(tuple(size * int(count) for size, count in zip(
        x.shape, repeats.array, strict=True)), x.dtype)]


def _gather(x, ids, axis=0, batchDims=0):
    return [((*x.shape[:axis], *ids.shape, *x.shape[axis + 1:]), x.dtype)]


def _lookup(ids, table):
    if ids.dtype != "int32" or len(ids.shape) != 1:
        fail("a look-up reads a list of int32", shape=ids.shape, dtype=ids.dtype)
    return [((*ids.shape, *table.shape[1:]), "float32")]


def _one_hot(ids, depth, on, off, axis):
    shape = list(ids.shape)
    shape.insert(axis, int(depth.array))
    return [(tuple(shape), on.dtype)]


def _top_k(x, k):
    shape = (*x.shape[:-1], int(k.array))
    return [(shape, x.dtype), (shape, "int32")]


def _cast(x, outDataType, **_):
    return [(x.shape, outDataType)]


def _lstm(x, *rest, **_):
    return [((*x.shape[:2], rest[0].shape[0]), "float32")]


def _pack(*tensors, axis, valuesCount):
    shape = list(tensors[0].shape)
    shape.insert(axis, valuesCount)
    return [(tuple(shape), tensors[0].dtype)]


def _update(x, part, places):
    return [(x.shape, x.dtype)]


def _while(*values, **_):
    return [(value.shape, value.dtype) for value in values]


FLOAT, NUMBERS = ("float32",), ("float32", "int32", "int64")
_FLOAT, _NUMBER = Row(_same(*FLOAT)), _same(*NUMBERS)
OPS = {
    **dict.fromkeys(("EXP", "LOG", "SQRT", "RSQRT", "SQUARE", "SIN", "COS", "TANH", "FLOOR", "CEIL",
                     "ROUND", "SIGN", "RELU", "RELU6", "LOGISTIC", "ELU", "HARD_SWISH"), _FLOAT),
    "ABS": Row(_NUMBER, "AbsOptions"), "NEG": Row(_NUMBER, "NegOptions"),
    "LOGICAL_NOT": Row(_same("bool"), "LogicalNotOptions"),
    "GELU": Row(_same(*FLOAT), "GeluOptions"),
    "LEAKY_RELU": Row(_same(*FLOAT), "LeakyReluOptions"),
    "SOFTMAX": Row(_same(*FLOAT), "SoftmaxOptions"),
    "LOG_SOFTMAX": Row(_same(*FLOAT), "LogSoftmaxOptions"),
    **{name: Row(_pair(), options) for name, options in (
        ("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions"), ("DIV", "DivOptions"),
        ("MAXIMUM", "MaximumMinimumOptions"), ("MINIMUM", "MaximumMinimumOptions"),
        ("POW", "PowOptions"), ("FLOOR_DIV", "FloorDivOptions"), ("FLOOR_MOD", "FloorModOptions"))},
    **{name: Row(_pair("bool"), options) for name, options in (
        ("EQUAL", "EqualOptions"), ("NOT_EQUAL", "NotEqualOptions"), ("GREATER", "GreaterOptions"),
        ("GREATER_EQUAL", "GreaterEqualOptions"), ("LESS", "LessOptions"),
        ("LESS_EQUAL", "LessEqualOptions"), ("LOGICAL_AND", "LogicalAndOptions"),
        ("LOGICAL_OR", "LogicalOrOptions"))},
    "ATAN2": Row(_alike, "ATan2Options"), "PRELU": Row(_pair()),
    "SELECT_V2": Row(_select, "SelectV2Options"),
    "FULLY_CONNECTED": Row(_dense, "FullyConnectedOptions"),
    "BATCH_MATMUL": Row(_matmul, "BatchMatMulOptions"),
    **WINDOW_OPS,
    "RESHAPE": Row(_reshape, "ReshapeOptions"),
    "SQUEEZE": Row(_squeeze, "SqueezeOptions"),
    "TRANSPOSE": Row(_transpose, "TransposeOptions"),
    **dict.fromkeys(("SUM", "MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "REDUCE_ANY",
                     "REDUCE_ALL"), Row(_reduced, "ReducerOptions")),
    "ARG_MAX": Row(_index_of, "ArgMaxOptions"), "ARG_MIN": Row(_index_of, "ArgMinOptions"),
    "CONCATENATION": Row(_concatenate, "ConcatenationOptions"),
    "SLICE": Row(_slice, "SliceOptions"),
    "STRIDED_SLICE": Row(_strided_slice, "StridedSliceOptions"),
    "PAD": Row(_pad, "PadOptions"), "PADV2": Row(_pad, "PadV2Options"),
    "MIRROR_PAD": Row(_pad, "MirrorPadOptions"),
    "TILE": Row(_tile, "TileOptions"),
    "GATHER": Row(_gather, "GatherOptions"),
    "EMBEDDING_LOOKUP": Row(_lookup),
    "ONE_HOT": Row(_one_hot, "OneHotOptions"),
    "TOPK_V2": Row(_top_k, "TopKV2Options"),
    "CUMSUM": Row(lambda x, axis, **_: [(x.shape, x.dtype)], "CumsumOptions"),
    "REVERSE_V2": Row(lambda x, axis: [(x.shape, x.dtype)], "ReverseV2Options"),
    "CAST": Row(_cast, "CastOptions"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Row(_lstm, "UnidirectionalSequenceLSTMOptions"),
    "PACK": Row(_pack, "PackOptions"),
    "DYNAMIC_UPDATE_SLICE": Row(_update, "DynamicUpdateSliceOptions"),
    "WHILE": Row(_while, "WhileOptions"),
}
