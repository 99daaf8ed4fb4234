"""How plain kinds are written: arithmetic, reductions, moves."""

import math
import typing

import numpy as np

from keras_seqattn.edge.tflite.write.body import Body
from keras_seqattn.edge.tflite.write.tensors import Tensor, Writers, broadcast

UNARY = {
    "absolute": "ABS", "exp": "EXP", "log": "LOG", "sqrt": "SQRT", "rsqrt": "RSQRT",
    "square": "SQUARE", "negative": "NEG", "sin": "SIN", "cos": "COS", "tanh": "TANH",
    "floor": "FLOOR", "ceil": "CEIL", "round": "ROUND", "sign": "SIGN",
    "logical_not": "LOGICAL_NOT", "relu": "RELU", "relu6": "RELU6", "sigmoid": "LOGISTIC",
    "elu": "ELU", "hard_silu": "HARD_SWISH", "gelu": "GELU", "leaky_relu": "LEAKY_RELU"}
BINARY = {
    "add": "ADD", "subtract": "SUB", "multiply": "MUL", "divide": "DIV", "maximum": "MAXIMUM",
    "minimum": "MINIMUM", "power": "POW", "floor_divide": "FLOOR_DIV", "mod": "FLOOR_MOD",
    "arctan2": "ATAN2",
    "equal": "EQUAL", "not_equal": "NOT_EQUAL", "greater": "GREATER",
    "greater_equal": "GREATER_EQUAL", "less": "LESS", "less_equal": "LESS_EQUAL",
    "logical_and": "LOGICAL_AND", "logical_or": "LOGICAL_OR"}
REDUCED = {"sum": "SUM", "mean": "MEAN", "max": "REDUCE_MAX", "min": "REDUCE_MIN",
           "prod": "REDUCE_PROD", "any": "REDUCE_ANY", "all": "REDUCE_ALL"}
CLIPPED, CLIPPING = ("relu", "relu6"), ("ADD", "SUB", "MUL", "DIV")  # the ops that clip themselves
RANK = 4    # up to which every runtime broadcasts


def ints(values: typing.Any) -> np.ndarray:
    """Returns numbers as int32, the type of shapes and axes."""
    return np.asarray(values, "int32")


def reshape(body: Body, x: Tensor, shape: typing.Sequence[int]) -> Tensor:
    """Writes a change of shape, unless the tensor has it, or had it before another change."""
    shape = tuple(int(size) for size in shape)
    if -1 in shape:
        rest = math.prod(size for size in shape if size != -1)
        shape = tuple(math.prod(x.shape) // rest if size == -1 else size for size in shape)
    maker = body.made.get(x.index)
    if maker is not None and maker.op == "RESHAPE":
        x = typing.cast(Tensor, maker.inputs[0])
    if shape == x.shape:
        return x
    if x.array is not None:
        return body.constant(x.array.reshape(shape))
    if not shape:       # a shape without sizes has no bytes, which runtimes take for computed
        return body.op("SQUEEZE", x, squeezeDims=list(range(len(x.shape))))
    return body.op("RESHAPE", x, body.constant(ints(shape)), newShape=list(shape))


def transpose(body: Body, x: Tensor, axes: typing.Sequence[int]) -> Tensor:
    """Writes a change of the order of axes; axes that stay together move as one."""
    axes = [int(axis) for axis in axes]
    moved = [axis for axis in axes if x.shape[axis] != 1]
    if moved == sorted(moved):
        return reshape(body, x, [x.shape[axis] for axis in axes])
    if x.array is not None:
        return body.constant(x.array.transpose(axes))
    if len(axes) <= RANK:
        return body.op("TRANSPOSE", x, body.constant(ints(axes)))
    groups: list[list[int]] = []
    for axis in moved:
        if groups and groups[-1][-1] == max(
                (other for other in moved if other < axis), default=None):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    order = sorted(groups)
    made = reshape(body, x, [math.prod(x.shape[axis] for axis in group) for group in order])
    made = body.op("TRANSPOSE", made, body.constant(ints([order.index(group) for group in groups])))
    return reshape(body, made, [x.shape[axis] for axis in axes])


def binary(body: Body, op: str, a: Tensor, b: Tensor, **options: typing.Any) -> Tensor:
    """Writes an op of two operands; more axes than old runtimes broadcast are merged before."""
    shape = broadcast(a.shape, b.shape)
    if len(shape) <= RANK:
        return body.op(op, a, b, **options)
    a, b = _merged(body, shape, a, b)
    return reshape(body, body.op(op, a, b, **options), shape)


def _merged(body, shape, *tensors):
    """Tensors with neighbouring axes as one, where all of them broadcast alike."""
    full = [(1,) * (len(shape) - len(each.shape)) + each.shape for each in tensors]
    groups: list[list[int]] = []
    for axis, size in enumerate(shape):
        alike = groups and all(
            (each[axis] == size) == all(each[other] == shape[other] for other in groups[-1])
            and (each[axis] == 1 or each[axis] == size) for each in full)
        if (size == 1 and groups) or (alike and all(shape[other] != 1 for other in groups[-1])):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    return [reshape(body, tensor, [math.prod(each[axis] for axis in group) for group in groups])
            for tensor, each in zip(tensors, full, strict=True)]


def write_constant(body: Body, value: np.ndarray) -> Tensor:
    """Writes a constant."""
    return body.constant(value)


def write_unary(body: Body, x: Tensor, function: str, **options: typing.Any) -> Tensor:
    """Writes a function of one tensor."""
    if x.dtype in ("int32", "int64") and function in ("square", "sign", "relu"):
        zero = body.constant(np.zeros((), x.dtype))
        if function == "square":
            return body.op("MUL", x, x)
        if function == "relu":
            return body.op("MAXIMUM", x, zero)
        one = body.constant(np.ones((), x.dtype))
        return body.op("MINIMUM", body.op("MAXIMUM", x, body.op("NEG", one)), one)
    if function == "gelu":
        return body.op("GELU", x, approximate=options["approximate"])
    if function == "leaky_relu":
        return body.op("LEAKY_RELU", x, alpha=options["negative_slope"])
    maker = body.made.get(x.index)
    if function in CLIPPED and maker is not None and maker.op in CLIPPING and (
            maker.options.get("fusedActivationFunction", "NONE") == "NONE"):
        return body.op(maker.op, *maker.inputs, **{
            **maker.options, "fusedActivationFunction": UNARY[function]})
    return body.op(UNARY[function], x)


def write_binary(body: Body, a: Tensor, b: Tensor, function: str, aligned: bool) -> Tensor:
    """Writes a function of two tensors, which broadcast."""
    if function == "power" and b.array is not None and b.array.size == 1 and a.dtype == "float32":
        exponent = float(b.array.reshape(()))
        if exponent in POWERS and len(b.shape) <= len(a.shape):
            return body.op(POWERS[exponent], a)
    return binary(body, BINARY[function], a, b)


POWERS = {2.0: "SQUARE", 0.5: "SQRT", -0.5: "RSQRT"}


def write_where(body: Body, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Writes a choice."""
    shape = broadcast(condition.shape, a.shape, b.shape)
    if len(shape) <= RANK:
        return body.op("SELECT_V2", condition, a, b)
    return reshape(body, body.op("SELECT_V2", *_merged(body, shape, condition, a, b)), shape)


def write_cast(body: Body, x: Tensor, dtype: str) -> Tensor:
    """Writes a change of type."""
    return x if x.dtype == dtype else body.op("CAST", x, inDataType=x.dtype, outDataType=dtype)


def flat(body: Body, op: str, x: Tensor, **options: typing.Any) -> Tensor:
    """Writes an op over the last axis, which old runtimes know up to rank 4."""
    if len(x.shape) <= RANK:
        return body.op(op, x, **options)
    made = body.op(op, reshape(body, x, (-1, x.shape[-1])), **options)
    return reshape(body, made, x.shape)


def write_prelu(body: Body, x: Tensor, slope: np.ndarray) -> Tensor:
    """Writes a slope below 0, a number for each feature or place."""
    return body.op("PRELU", x, body.constant(slope))


def write_softmax(body: Body, x: Tensor, axis: int) -> Tensor:
    """Writes a softmax over the last axis."""
    return flat(body, "SOFTMAX", x, beta=1.0)


def write_log_softmax(body: Body, x: Tensor, axis: int) -> Tensor:
    """Writes the logarithm of a softmax over the last axis."""
    return flat(body, "LOG_SOFTMAX", x)


def write_reduce(body: Body, x: Tensor, function: str, axis: tuple[int, ...],
                 keepdims: bool) -> Tensor:
    """Writes a reduction."""
    return body.op(REDUCED[function], x, body.constant(ints(axis)), keepDims=keepdims)


def write_index_of(body: Body, x: Tensor, function: str, axis: int) -> Tensor:
    """Writes where the largest or the least number lies."""
    return body.op("ARG_MAX" if function == "argmax" else "ARG_MIN", x, body.constant(
        ints([axis])), outputType=2)


def write_top_k(body: Body, x: Tensor, k: int) -> list[Tensor]:
    """Writes the largest numbers and where they lie."""
    return body.op("TOPK_V2", x, body.constant(ints(k)))


def write_cumsum(body: Body, x: Tensor, axis: int) -> Tensor:
    """Writes running sums."""
    return body.op("CUMSUM", x, body.constant(ints(axis)), exclusive=False, reverse=False)


def write_matmul(body: Body, a: Tensor, b: Tensor) -> Tensor:
    """Writes a product of matrices; what is not a matrix of numbers is computed in float."""
    if len(a.shape) > RANK and a.shape[:-2] == b.shape[:-2]:
        first, second = (reshape(body, each, (-1, *each.shape[-2:])) for each in (a, b))
        made = body.op("BATCH_MATMUL", first, second, adjX=False, adjY=False)
        return reshape(body, made, (*a.shape[:-2], *made.shape[-2:]))
    return body.op("BATCH_MATMUL", a, b, adjX=False, adjY=False)


def write_reshape(body: Body, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Writes a change of shape."""
    return reshape(body, x, shape)


def write_transpose(body: Body, x: Tensor, axes: list[int]) -> Tensor:
    """Writes a change of the order of axes."""
    return transpose(body, x, axes)


WRITERS: Writers = {
    "constant": write_constant,
    "unary": write_unary,
    "binary": write_binary,
    "where": write_where,
    "cast": write_cast,
    "prelu": write_prelu,
    "softmax": write_softmax,
    "log_softmax": write_log_softmax,
    "reduce": write_reduce,
    "index_of": write_index_of,
    "top_k": write_top_k,
    "cumsum": write_cumsum,
    "matmul": write_matmul,
    "reshape": write_reshape,
    "transpose": write_transpose,
}
