"""`keras_seqattn.edge.lower.elementwise`: arithmetic as Keras has it, at the edges too."""

import numpy as np
import pytest
from keras import ops
from written import check, kinds, model_of

pytestmark = pytest.mark.edge

SHAPE = (5, 7)
POSITIVE = ("log", "log2", "log10", "log1p", "sqrt", "rsqrt", "arccosh", "reciprocal")
INSIDE = ("arcsin", "arccos", "arctanh")
UNARY = [*POSITIVE, *INSIDE, "abs", "exp", "exp2", "expm1", "square", "negative", "sin", "cos",
         "tan", "sinh", "cosh", "tanh", "arctan", "arcsinh", "floor", "ceil", "round", "trunc",
         "sign", "relu", "sigmoid", "erf", "erfc", "cbrt", "deg2rad", "rad2deg", "isnan", "isinf",
         "isfinite", "zeros_like", "ones_like", "nan_to_num", "copy", "stop_gradient"]
BINARY = ["add", "subtract", "multiply", "divide", "true_divide", "maximum", "minimum", "power",
          "floor_divide", "mod", "equal", "not_equal", "greater", "greater_equal", "less",
          "less_equal", "arctan2", "hypot", "logaddexp", "logaddexp2", "divide_no_nan", "fmod",
          "isclose", "heaviside"]
WHOLE = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "floor_divide", "mod",
         "equal", "not_equal", "greater", "greater_equal", "less", "less_equal")


def drawn(name, shape=(1, *SHAPE)):
    x = np.random.default_rng(3).normal(size=shape).astype("float32")
    if name in POSITIVE:
        return 1.1 + np.abs(x)
    return np.tanh(x) if name in INSIDE else x


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_tensor(name, tmp_path):
    check(model_of(getattr(ops, name), SHAPE), tmp_path / "x.tflite", {"x0": drawn(name)})


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_tensors(name, tmp_path):
    a, b = np.abs(drawn("a")) + 0.5, np.abs(drawn("b", (1, 1, SHAPE[1]))) + 0.3
    if name == "isclose":
        b = a[:, :1] * (1 + np.where(np.arange(7) % 2, 2e-5, 2e-6)).astype("float32")
    check(model_of(getattr(ops, name), SHAPE, b.shape[1:]), tmp_path / "x.tflite",
          {"x0": a, "x1": b})


@pytest.mark.parametrize("name", WHOLE)
def test_integers_of_both_signs(name, tmp_path):
    """Quotients round down, remainders have the sign of the divisor."""
    a = np.asarray([[7, -7, 7, -7, 6, -6, 0]], "int32")
    b = np.asarray([[3, 3, -3, -3, 3, -3, 5]], "int32")
    check(model_of(getattr(ops, name), ((7,), "int32"), ((7,), "int32")), tmp_path / "x.tflite",
          {"x0": a, "x1": b})


def test_quotients_and_remainders_by_hand(tmp_path):
    model = model_of(lambda a: [ops.floor_divide(a, 3), ops.mod(a, 3), ops.mod(a, -3)],
                     ((4,), "int32"))
    graph = check(model, tmp_path / "x.tflite", {"x0": np.asarray([[7, -7, 6, -1]], "int32")})
    made = list(graph.run({"x0": np.asarray([[7, -7, 6, -1]], "int32")}).values())
    np.testing.assert_array_equal(np.asarray(made)[:, 0],
                                  [[2, -3, 2, -1], [1, 2, 0, 2], [-2, -1, 0, -1]])


@pytest.mark.parametrize(("name", "by_hand"), [
    ("round", [-2, -2, -0.0, 0, 2, 2, 4, -0.0]), ("floor", [-3, -2, -1, 0, 1, 2, 3, -1]),
    ("ceil", [-2, -1, -0.0, 1, 2, 3, 4, -0.0]), ("trunc", [-2, -1, 0, 0, 1, 2, 3, 0]),
    ("sign", [-1, -1, -1, 1, 1, 1, 1, -1])])
def test_halves(name, by_hand, tmp_path):
    x = np.asarray([[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, -0.25]], "float32")
    graph = check(model_of(getattr(ops, name), (8,)), tmp_path / "x.tflite", {"x0": x})
    np.testing.assert_array_equal(next(iter(graph.run({"x0": x}).values()))[0], by_hand)


@pytest.mark.parametrize("name", ["sign", "square", "relu", "abs", "negative", "round"])
def test_functions_of_integers(name, tmp_path):
    x = np.asarray([[-3, -1, 0, 1, 4]], "int32")
    check(model_of(getattr(ops, name), ((5,), "int32")), tmp_path / "x.tflite", {"x0": x})


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int8", "int16", "bool", "float32"])
def test_casts_of_floats(dtype, tmp_path):
    """Fractions are cut off, and what lies outside of 8 bits wraps."""
    x = np.asarray([[-1.9, -0.5, 0, 0.9, 1.5, 127.9, 255.9]], "float32")
    x = np.concatenate([x, [[300.5, -129.2, 1000]]], axis=1).astype("float32")
    check(model_of(lambda x: ops.cast(x, dtype), (10,)), tmp_path / "x.tflite", {"x0": x})


def test_a_cast_to_8_bits_by_hand(tmp_path):
    x = np.asarray([[-1.9, 255.9, 256, 300.5]], "float32")
    graph = check(model_of(lambda x: ops.cast(x, "uint8"), (4,)), tmp_path / "x.tflite", {"x0": x})
    np.testing.assert_array_equal(next(iter(graph.run({"x0": x}).values()))[0], [255, 255, 0, 44])


@pytest.mark.parametrize("before", ["int32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("after", ["int32", "int64", "float32", "bool"])
def test_casts_of_integers(before, after, tmp_path):
    x = np.asarray([[0, 1, 3, 100]]).astype(before)
    check(model_of(lambda x: ops.cast(x, after), ((4,), before)), tmp_path / "x.tflite", {"x0": x})


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "logical_xor", "equal",
                                  "not_equal"])
def test_truth_values(name, tmp_path):
    x = np.asarray([[True, True, False, False]])
    y = np.asarray([[True, False, True, False]])
    check(model_of(getattr(ops, name), ((4,), "bool"), ((4,), "bool")), tmp_path / "x.tflite",
          {"x0": x, "x1": y})


@pytest.mark.parametrize("other", [0.0, 1.5, -1e9, float("-inf"), float("inf")])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_constant_choice_is_no_choice_in_the_file(other, swapped, tmp_path):
    """It becomes bounds, which are exact also for infinite numbers."""
    mask = np.tril(np.ones((7, 7), bool))
    model = model_of(lambda x: ops.where(mask, other, x) if swapped else ops.where(mask, x, other),
                     (7, 7))
    x = drawn("x", (1, 7, 7))
    x[0, 2] = [np.inf, -np.inf, 0, 3, -3, np.inf, -np.inf]
    graph = check(model, tmp_path / "x.tflite", {"x0": x})
    assert set(kinds(graph)) <= {"constant", "binary"}


@pytest.mark.parametrize("shapes", [((7,), (7,), (7,)), ((1, 7), (5, 1), (5, 7)), ((7,), (), ())])
def test_a_computed_choice(shapes, tmp_path):
    condition, a, b = shapes
    check(model_of(ops.where, (condition, "bool"), a, b), tmp_path / "x.tflite")


@pytest.mark.parametrize("name", ["add", "multiply", "maximum"])
@pytest.mark.parametrize("shape", [(2, 3, 1, 5, 1), (1, 3, 2, 1, 2), (2, 1, 1, 5, 2), (5, 1)])
def test_many_axes(name, shape, tmp_path):
    check(model_of(getattr(ops, name), (2, 3, 2, 5, 2), shape), tmp_path / "x.tflite")


@pytest.mark.parametrize("function", [
    lambda x: ops.clip(x, -0.5, 0.5), lambda x: ops.full_like(x, 3), lambda x: x ** 2,
    lambda x: x ** 0.5, lambda x: ops.select([x > 1, x > 0], [x, 2 * x], -1.0),
    lambda x: ops.isclose(x, x), lambda x: 3 - x, lambda x: 2 / (x + 9), lambda x: -x,
    lambda x: ops.nan_to_num(ops.log(x - 0.5)), lambda x: ops.add(x, np.float32(2)),
])
def test_other_forms(function, tmp_path):
    check(model_of(function, SHAPE), tmp_path / "x.tflite", {"x0": np.abs(drawn("x"))})
