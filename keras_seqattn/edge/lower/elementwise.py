"""Functions of `keras.ops` that act on each number: arithmetic, comparisons, casts."""

import collections.abc
import typing

import keras
import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.call import Call, Unfit
from keras_seqattn.edge.lower.lowering import Handler, Lowering

NARROW = ("int8", "uint8", "int16", "uint16")
FLOATS = ("float16", "bfloat16", "float32", "float64")
UNARY = {
    "numpy.Absolute": "absolute", "numpy.Abs": "absolute", "numpy.Exp": "exp", "numpy.Log": "log",
    "numpy.Sqrt": "sqrt", "math.Rsqrt": "rsqrt", "numpy.Square": "square",
    "numpy.Negative": "negative", "numpy.Sin": "sin", "numpy.Cos": "cos", "numpy.Tanh": "tanh",
    "numpy.Floor": "floor", "numpy.Ceil": "ceil", "numpy.Sign": "sign",
    "numpy.LogicalNot": "logical_not", "nn.Relu": "relu", "nn.Relu6": "relu6",
    "nn.Sigmoid": "sigmoid", "nn.Elu": "elu", "nn.HardSilu": "hard_silu"}
FLOATING = ("exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "sigmoid", "floor",
            "ceil")     # make ints floats
ARITHMETIC = {
    "numpy.Add": "add", "numpy.Subtract": "subtract", "numpy.Multiply": "multiply",
    "numpy.Divide": "divide", "numpy.TrueDivide": "divide", "numpy.Maximum": "maximum",
    "numpy.Minimum": "minimum", "numpy.Power": "power", "numpy.FloorDivide": "floor_divide",
    "numpy.Mod": "mod", "numpy.Arctan2": "arctan2"}
COMPARISONS = {
    "numpy.Equal": "equal", "numpy.NotEqual": "not_equal", "numpy.Greater": "greater",
    "numpy.GreaterEqual": "greater_equal", "numpy.Less": "less", "numpy.LessEqual": "less_equal"}
LOGIC = {"numpy.LogicalAnd": "logical_and", "numpy.LogicalOr": "logical_or",
         "numpy.LogicalXor": "not_equal", "numpy.BitwiseAnd": "logical_and",
         "numpy.BitwiseOr": "logical_or"}
HIDDEN = 65000.0    # no logit is as large; a float16 holds it, so it never gives NaN


def cast(lowering: Lowering, value: int, dtype: str) -> int:
    """Returns a value in a dtype; all floats of a graph have the same."""
    before = lowering.spec(value).dtype
    if before == dtype or (before in FLOATS and dtype in FLOATS):
        return value
    if dtype == "bool":
        return binary(lowering, "not_equal", value, lowering.value(np.zeros((), before)))
    if before in FLOATS and dtype in NARROW:    # what lies outside wraps, as TensorFlow has it
        value = lowering.add("cast", "cast", [value], dtype="int32")
    return lowering.add("cast", "cast", [value],
                        dtype="float32" if dtype in FLOATS else dtype)


def common(lowering: Lowering, *arguments: object) -> tuple[list[int], str]:
    """Returns arguments as values of one dtype, the one that Keras computes in, and that dtype."""
    known = [each.dtype for each in arguments if hasattr(each, "dtype")]
    plain = [type(each) for each in arguments if not hasattr(each, "dtype")]
    dtype = keras.backend.result_type(
        *map(keras.backend.standardize_dtype, known),
        *(each if each in (bool, int, float) else "float32" for each in plain))
    return [cast(lowering, lowering.value(each, dtype), dtype) for each in arguments], dtype


def unary(lowering: Lowering, function: str, value: int, **options: typing.Any) -> int:
    """Adds a function of one value."""
    dtype = lowering.spec(value).dtype
    made = lowering.add("unary", function, [wide(lowering, value)], function=function, **options)
    return cast(lowering, made, dtype) if dtype in NARROW else made


def binary(lowering: Lowering, function: str, a: int, b: int) -> int:
    """Adds a function of two values of one dtype, which broadcast."""
    shapes, dtype = [lowering.spec(each).shape for each in (a, b)], lowering.spec(a).dtype
    made = lowering.add("binary", function, [wide(lowering, a), wide(lowering, b)],
                        function=function, aligned=shapes[0] == shapes[1])
    is_narrow = dtype in NARROW and lowering.spec(made).dtype != "bool"
    return cast(lowering, made, dtype) if is_narrow else made


def wide(lowering: Lowering, value: int) -> int:
    """Returns integers of 8 or 16 bits as int32: a file takes such for quantised floats."""
    return cast(lowering, value, "int32") if lowering.spec(value).dtype in NARROW else value


def _unary(function: str) -> Handler:
    def handler(lowering, call, inputs):
        x, = inputs
        if function in FLOATING:
            x = cast(lowering, x, "float32")
        return unary(lowering, function, x)
    return handler


def _operands(call: Call) -> list:
    return list(call.named().values())[:2]


def _arithmetic(function: str) -> Handler:
    def handler(lowering, call, inputs):
        (a, b), dtype = common(lowering, *_operands(call))
        if dtype == "bool":
            if function not in ("add", "multiply", "maximum", "minimum"):
                raise Unfit("it computes with truth values")
            logic = "logical_or" if function in ("add", "maximum") else "logical_and"
            return binary(lowering, logic, a, b)
        if function in ("divide", "arctan2"):
            a, b = (cast(lowering, each, "float32") for each in (a, b))
        if function == "arctan2":       # its op does not broadcast
            shape = np.broadcast_shapes(*(lowering.spec(each).shape for each in (a, b)))
            a, b = (lowering.apply(lambda x: ops.broadcast_to(x, shape), each) for each in (a, b))
        return binary(lowering, function, a, b)
    return handler


def _sum(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    """A sum of two tensors of tokens or images of one shape is part of a residual stream."""
    if len(inputs) == 2 and len({tensor.shape for tensor in call.tensors}) == 1 and all(
            len(tensor.shape) > 2 and tensor.dtype in FLOATS for tensor in call.tensors):
        return lowering.add("add", call.name, inputs)
    return _arithmetic("add")(lowering, call, inputs)


def _comparison(function: str) -> Handler:
    def handler(lowering, call, inputs):
        (a, b), dtype = common(lowering, *_operands(call))
        if dtype == "bool" and function not in ("equal", "not_equal"):
            a, b = (cast(lowering, each, "int32") for each in (a, b))
        return binary(lowering, function, a, b)
    return handler


def _logic(function: str) -> Handler:
    def handler(lowering, call, inputs):
        values = [lowering.value(each) for each in _operands(call)]
        if call.name.startswith("bitwise") and any(
                lowering.spec(each).dtype != "bool" for each in values):
            raise Unfit("it computes with the bits of integers")
        return binary(lowering, function, *(cast(lowering, each, "bool") for each in values))
    return handler


def _where(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    named = call.named()
    if named.get("x1") is None:
        raise Unfit("it looks for places")
    (a, b), dtype = common(lowering, named["x1"], named["x2"])
    condition = cast(lowering, lowering.value(named["condition"]), "bool")
    chosen = lowering.known(condition)
    if chosen is not None and dtype in FLOATS:
        for value, other, kept in ((a, b, chosen), (b, a, ~chosen)):
            number = lowering.known(other)
            if number is not None and number.size == 1 and lowering.known(value) is None:
                return _kept(lowering, value, kept, float(number.reshape(())))
    return lowering.add("where", call.name, [condition, a, b])


def _kept(lowering, value, kept, other):
    """A value where a constant allows it, elsewhere a number: bounds, which every CPU is fast at.

    Where the value is kept the bounds are infinite, so it stays what it is.
    """
    for function, far in (("maximum", -np.inf), ("minimum", np.inf)):
        bounds = np.where(kept, far, other).astype(lowering.dtype)
        if not np.isinf(bounds).all() or (np.isinf(other) and other != far):
            value = binary(lowering, function, value, lowering.value(bounds))
    return value


def masked(x: typing.Any, mask: typing.Any) -> typing.Any:
    """Returns logits that softmax takes for minus infinity where a mask of 0 and 1 has a 0.

    Where nothing is left of a row, all of its logits are the same.
    """
    return ops.minimum(x, (2.0 * HIDDEN) * mask - HIDDEN)


def _cast(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    x, = inputs
    dtype = call.operation.dtype
    dtype = lowering.spec(x).dtype if dtype is None else keras.backend.standardize_dtype(dtype)
    return cast(lowering, x, dtype)


def _same(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    return lowering.value(next(iter(call.named().values())))


def traced(function: collections.abc.Callable) -> Handler:
    """Makes a handler of a function of the operation and its arguments, which is traced."""
    def handler(lowering, call, inputs):
        made = function(call.operation, *call.args, **call.kwargs)
        flat = [lowering.value(each) for each in keras.tree.flatten(made)]
        return flat[0] if len(flat) == 1 else flat
    return handler


HANDLERS = {
    **{borrowed.operation(name): _unary(function) for name, function in UNARY.items()
       if function != "elu"},
    **{borrowed.operation(name): _arithmetic(function) for name, function in ARITHMETIC.items()
       if function != "add"},
    **{borrowed.operation(name): _comparison(function) for name, function in COMPARISONS.items()},
    **{borrowed.operation(name): _logic(function) for name, function in LOGIC.items()},
    borrowed.operation("numpy.Add"): _sum,
    borrowed.operation("numpy.Where"): _where,
    borrowed.operation("core.Cast"): _cast,
    borrowed.operation("core.ConvertToTensor"): _cast,
    borrowed.operation("core.StopGradient"): _same,
    borrowed.operation("numpy.Copy"): _same,
}
