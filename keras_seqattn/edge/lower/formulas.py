"""Functions of `keras.ops` of each number that files have no op for, written as other functions."""

import collections.abc
import typing

import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.call import Call
from keras_seqattn.edge.lower.elementwise import FLOATS, cast, traced, unary
from keras_seqattn.edge.lower.lowering import Lowering


def _clip(operation, x):
    dtype = "int32" if x.dtype == "bool" else x.dtype
    return ops.minimum(ops.maximum(x, ops.cast(operation.x_min, dtype)),
                       ops.cast(operation.x_max, dtype))


def _round(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    """Half to even; of integers there is nothing to round unless decimals are below 0."""
    dtype, decimals = lowering.spec(inputs[0]).dtype, call.operation.decimals
    if dtype not in FLOATS and decimals >= 0:
        return inputs[0]
    x = cast(lowering, inputs[0], "float32")
    if not decimals:
        return unary(lowering, "round", x)
    factor = float(10 ** decimals)
    return cast(lowering, lowering.apply(lambda x: ops.round(x * factor) / factor, x), dtype)


def _saturate_cast(operation, x):
    kind = np.dtype(operation.dtype)
    if kind.kind not in "iu":
        return ops.cast(x, operation.dtype)
    least, most = np.iinfo(kind).min, np.iinfo(kind).max
    limit: float = most
    if x.dtype in FLOATS:       # the largest float within
        limit = float(np.nextafter(np.float32(most), np.float32(0))) if most > 2 ** 24 else most
    elif kind.itemsize >= np.dtype(x.dtype).itemsize:
        return ops.cast(x, operation.dtype)
    return ops.cast(ops.clip(x, least, limit), operation.dtype)


def _erf(_, x):
    """Abramowitz and Stegun 1964, formula 7.1.26: at most 1.5e-7 off."""
    t = 1 / (1 + 0.3275911 * ops.abs(x))
    series = t * (0.254829592 + t * (-0.284496736 + t * (
        1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return ops.sign(x) * (1 - series * ops.exp(-x * x))


def _nan_to_num(operation, x):
    largest = float(np.finfo("float32").max)
    most = largest if operation.posinf is None else operation.posinf
    least = -largest if operation.neginf is None else operation.neginf
    x = ops.where(ops.not_equal(x, x), float(operation.nan), x)
    x = ops.where(ops.equal(x, float("inf")), float(most), x)
    return ops.where(ops.equal(x, float("-inf")), float(least), x)


def _isclose(operation, a, b, rtol=1e-5, atol=1e-8):
    near = ops.less_equal(ops.abs(a - b), atol + rtol * ops.abs(b))
    near = ops.logical_or(near, ops.equal(a, b))
    return ops.logical_or(near, ops.logical_and(
        ops.isnan(a), ops.isnan(b))) if operation.equal_nan else near


def _arcsinh(_, x):
    y = ops.abs(x)
    return ops.sign(x) * ops.log(y + ops.sqrt(y * y + 1.0))


def _select(_, conditions, choices, default=0):
    made = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        made = ops.where(condition, choice, made)
    return made


def _filled(x, value, dtype):
    return np.full(x.shape, value, dtype or x.dtype)


TRACED: dict[str, collections.abc.Callable[..., typing.Any]] = {
    "numpy.Clip": _clip,
    "numpy.Reciprocal": lambda _, x: 1.0 / x,
    "numpy.Log1p": lambda _, x: ops.log(x + 1.0),
    "numpy.Expm1": lambda _, x: ops.exp(x) - 1.0,
    "numpy.Exp2": lambda _, x: ops.exp(x * float(np.log(2))),
    "numpy.Log2": lambda _, x: ops.log(x) * float(1 / np.log(2)),
    "numpy.Log10": lambda _, x: ops.log(x) * float(1 / np.log(10)),
    "numpy.Tan": lambda _, x: ops.sin(x) / ops.cos(x),
    "numpy.Sinh": lambda _, x: 0.5 * (ops.exp(x) - ops.exp(-x)),
    "numpy.Cosh": lambda _, x: 0.5 * (ops.exp(x) + ops.exp(-x)),
    "numpy.Isnan": lambda _, x: ops.not_equal(x, x),
    "numpy.ZerosLike": lambda operation, x: _filled(x, 0, operation.dtype),
    "numpy.EmptyLike": lambda operation, x: _filled(x, 0, operation.dtype),
    "numpy.OnesLike": lambda operation, x: _filled(x, 1, operation.dtype),
    "numpy.FullLike": lambda operation, x, fill_value: _filled(
        x, fill_value, operation.dtype),
    "numpy.DivideNoNan": lambda _, a, b: ops.where(
        ops.equal(b, 0), 0.0, a / ops.where(ops.equal(b, 0), 1.0, b)),
    "numpy.Logaddexp": lambda _, a, b: ops.maximum(a, b) + ops.log(
        1 + ops.exp(-ops.abs(a - b))),
    "numpy.Fabs": lambda _, x: ops.abs(ops.cast(x, "float32")),
    "numpy.Cbrt": lambda _, x: ops.sign(x) * ops.power(ops.abs(x), 1 / 3),
    "numpy.Deg2rad": lambda _, x: x * float(np.pi / 180),
    "numpy.Rad2deg": lambda _, x: x * float(180 / np.pi),
    "numpy.Hypot": lambda _, a, b: ops.sqrt(a * a + b * b),
    "numpy.Trunc": lambda _, x: ops.sign(x) * ops.floor(ops.abs(x)),
    "numpy.Fmod": lambda _, a, b: ops.sign(a) * ops.mod(ops.abs(a), ops.abs(b)),
    "numpy.Heaviside": lambda _, a, b: ops.where(
        ops.equal(a, 0), b, ops.cast(ops.greater(a, 0), "float32")),
    "numpy.Arctan": lambda _, x: ops.arctan2(x, 1.0),
    "numpy.Arcsin": lambda _, x: ops.arctan2(x, ops.sqrt((1.0 - x) * (1.0 + x))),
    "numpy.Arccos": lambda _, x: ops.arctan2(ops.sqrt((1.0 - x) * (1.0 + x)), x),
    "numpy.Arcsinh": _arcsinh,
    "numpy.Arccosh": lambda _, x: ops.log(x + ops.sqrt((x - 1.0) * (x + 1.0))),
    "numpy.Arctanh": lambda _, x: 0.5 * ops.log((1.0 + x) / (1.0 - x)),
    "numpy.Isinf": lambda _, x: ops.equal(ops.abs(x), float("inf")),
    "numpy.Isfinite": lambda _, x: ops.less(ops.abs(x), float("inf")),
    "numpy.Isposinf": lambda _, x: ops.equal(x, float("inf")),
    "numpy.Isneginf": lambda _, x: ops.equal(x, float("-inf")),
    "numpy.Isclose": _isclose,
    "numpy.NanToNum": _nan_to_num,
    "numpy.Select": _select,
    "numpy.Logaddexp2": lambda _, a, b: ops.logaddexp(
        a * float(np.log(2)), b * float(np.log(2))) * float(1 / np.log(2)),
    "core.SaturateCast": _saturate_cast,
    "math.Erf": _erf,
    "math.Erfc": lambda _, x: 1.0 - ops.erf(x),
}
HANDLERS = {
    **{borrowed.operation(name): traced(function) for name, function in TRACED.items()},
    borrowed.operation("numpy.Round"): _round,
}
