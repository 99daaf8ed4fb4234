"""`keras_seqattn.edge.tflite.facts`: each rule by the smallest graph that breaks it."""

import types

import keras
import numpy as np
import pytest
import tiny_tflite

from keras_seqattn.edge import load
from keras_seqattn.edge.lower.trace import lower_function
from keras_seqattn.edge.tflite import facts
from keras_seqattn.edge.tflite.file import Buffer, Tensor
from keras_seqattn.edge.tflite.write import writer

pytestmark = pytest.mark.edge
PRODUCT = {"a": (1, 2, 3, 5), "b": (1, 2, 5, 7)}


def _facts(path, function, value=1.0, **shapes):
    runner = load(tiny_tflite.write(path / "graph.tflite", function, **shapes))
    return facts.tflite_facts(runner, {
        name: np.full([size or 1 for size in shape], value, "float32")
        for name, shape in shapes.items()})


def _tf():
    import tensorflow

    return tensorflow


def test_a_clean_graph_has_neither_failures_nor_warnings(tmp_path):
    found = _facts(tmp_path, lambda a, b: _tf().matmul(a, b), **PRODUCT)
    assert (found.failures, found.warnings) == ([], [])
    assert (found.ops, found.max_rank, found.partitions) == ({"BATCH_MATMUL": 1}, 4, 1)
    assert found.signatures == ["serving_default"]
    assert found.largest_value["value"] == 5.0


@pytest.mark.parametrize(("function", "shapes", "warning"), [
    (lambda x: _tf().nn.relu(_tf().reshape(x, (1, 2, 1, 3, 5))), {"x": (1, 2, 3, 5)}, "rank 5"),
    (lambda x: _tf().broadcast_to(x, (1, 3, 5)), {"x": (1, 1, 5)}, "refuse BROADCAST_TO"),
    (lambda x: _tf().gather_nd(x, [[0, 1], [0, 2]]), {"x": (1, 3, 5)}, "refuse GATHER_ND"),
    (lambda x: _tf().where(x > 0, x, _tf().exp(x)), {"x": (1, 5)}, "refuse SELECT"),
    (lambda x: sum(_tf().split(x, 2, axis=-1)), {"x": (1, 6)}, "refuse SPLIT"),
    (lambda x: x * 2.0, {"x": (3, 5)}, "batch of 1: serving_default_x:0"),
    (lambda a, b: _tf().matmul(a, b), {"a": (1, 3, 5), "b": (1, 5, 7)}, "BATCH_MATMUL of rank 3"),
    (lambda x: {"sum": x + 1.0, "read": _tf().exp(x + 1.0)}, {"x": (1, 5)}, "reads on"),
    (lambda x: _tf().cumsum(x), {"x": (3, 5)}, "0 partitions"),
], ids=["rank", "broadcast", "gather", "select", "split", "batch", "rank 3", "reused", "slow"])
def test_what_gpus_refuse_is_a_warning(tmp_path, function, shapes, warning):
    found = _facts(tmp_path, function, **shapes)
    assert found.failures == []
    assert any(warning in text for text in found.warnings)


def test_a_transpose_flag_is_a_warning_about_the_older_delegate(tmp_path):
    found = _facts(tmp_path, lambda a, b: _tf().matmul(a, b, transpose_b=True),
                   a=(1, 2, 3, 5), b=(1, 2, 7, 5))
    assert found.failures == []
    (warning,) = [text for text in found.warnings if "transpose flag" in text]
    assert warning.startswith("TensorFlow Lite's GPU delegate ignores")
    assert warning.endswith(": PartitionedCall:0")


def test_a_shape_that_is_not_static_is_a_failure(tmp_path):
    found = _facts(tmp_path, lambda x: _tf().reshape(x * 2.0, (-1,))[:3] + 1.0, x=(None, 5))
    assert "serving_default_x:0" in found.failures[0]
    assert any("inner tensors" in text for text in found.warnings)


@pytest.mark.parametrize(("function", "names"), [
    (lambda x: {"first": x * 2.0, "second": x * 2.0}, ("first", "second")),
    (lambda x: {"same": _tf().identity(x), "y": x * 2.0}, ("x", "same"))], ids=["twice", "input"])
def test_an_output_that_is_another_tensor_is_a_failure_with_both_names(tmp_path, function, names):
    found = _facts(tmp_path, function, x=(1, 5))
    assert len(found.failures) == 1
    assert f"output {names[1]} is the tensor of {names[0]}," in found.failures[0]


def test_convolutions_in_float16_are_told(tmp_path):
    kernel = np.random.default_rng(3).normal(size=(3, 3, 2, 5)).astype("float32")
    path = tiny_tflite.write(tmp_path / "x.tflite", lambda x: _tf().nn.bias_add(
        _tf().nn.conv2d(x, kernel, 2, "SAME"), kernel[0, 0, 0]), x=(1, 7, 7, 2))
    half = tiny_tflite.quantise(path, tmp_path / "half.tflite", "float16", {})
    inputs = {"x": np.ones((1, 7, 7, 2), "float32")}
    said = [facts.tflite_facts(load(each), inputs).warnings for each in (path, half)]
    assert [any("2.19" in text for text in texts) for texts in said] == [False, True]


def test_flex_ops_are_a_failure_and_not_run(tmp_path):
    path = tiny_tflite.write(tmp_path / "x.tflite", _tf().linalg.cholesky, flex=True, x=(1, 3, 3))
    found = facts.tflite_facts(load(path), {"x": np.ones((1, 3, 3))})
    assert found.custom_ops == ["FlexCholesky"]
    assert "FlexCholesky" in found.failures[0]
    assert found.largest_value is None


def test_variables_and_other_custom_ops_are_failures():
    found = facts.Facts({"VAR_HANDLE": 1, "decode": 1}, ["decode"], [], 2, 0, 0)
    graph = types.SimpleNamespace(ops=(), outputs=())
    facts._judge_ops(found, types.SimpleNamespace(run=[graph], ops=[]))
    assert ["decode" in found.failures[0], "VAR_HANDLE" in found.failures[1]] == [True, True]


def test_a_mean_of_squares_counts_as_its_sum(tmp_path):
    """16 squares of 100 sum to 160,000, more than 16 bits hold; their mean is 10,000."""
    def function(x):
        return _tf().sqrt(_tf().reduce_mean(x * x, -1, keepdims=True))

    found = _facts(tmp_path, function, value=100.0, x=(1, 16))
    assert found.largest_value["value"] == 160_000.0
    assert any(found.largest_value["tensor"] in text for text in found.warnings)
    assert _facts(tmp_path, function, value=10.0, x=(1, 16)).warnings == []


def test_the_first_nan_is_named(tmp_path):
    def function(x):
        return _tf().exp(_tf().math.log(x, name="bad")) * 2.0

    found = _facts(tmp_path, function, value=-1.0, x=(1, 5))
    assert found.failures == ["NaN first appears in bad"]


def test_every_signature_is_looked_into(tmp_path):
    """A NaN and a large value that only the second length gives are seen."""
    path = tmp_path / "x.tflite"
    writer.write({name: lower_function(
        lambda x: {"y": keras.ops.log(keras.ops.sum(x, axis=1))},
        {"x": keras.KerasTensor((1, length), "float32")})
        for name, length in (("short", 3), ("long", 5))}, path)
    runner = load(path)
    assert list(runner.interpreter.get_signature_list()) == ["short", "long"]
    short, long = np.ones((1, 3), "float32"), np.ones((1, 5), "float32")
    assert facts.tflite_facts(runner, {"x": short}, {"x": long}).failures == []
    failure, = facts.tflite_facts(runner, {"x": short}, {"x": -long}).failures
    assert failure.startswith("NaN first appears in")
    found = facts.tflite_facts(runner, {"x": short}, {"x": 1e6 * long})
    assert found.largest_value["value"] == 5e6


@pytest.mark.parametrize(("dtype", "zero_point", "values", "share"), [
    ("int8", 3, [-128, -127, 0, 5, 127], 0.4),
    ("int8", 3, [-126, 126, 0, 5, 7], 0.0),
    ("int8", -128, [-128, -128, 0, 5, 127], 0.2),  # -128 is the number 0, nothing is clipped
    ("int8", 0, [-127, 0, 0, 0, 127], 0.4),        # symmetric ranges end at -127
    ("int16", 0, [-32767, 32767, 32766, 127, 0], 0.4),
])
def test_clipped_share_by_hand(dtype, zero_point, values, share):
    tensor = Tensor(0, "x", (5,), dtype, Buffer(0, 0, 0), (0.1,), (zero_point,))
    assert facts._clipped(np.array(values, dtype), tensor) == pytest.approx(share)


def test_a_range_that_was_calibrated_too_narrow_is_seen(tmp_path):
    weights = np.random.default_rng(3).normal(size=(64, 64)).astype("float32")
    path = tiny_tflite.write(tmp_path / "x.tflite", lambda x: x @ weights @ weights, x=(1, 64))
    inputs = np.random.default_rng(5).normal(size=(5, 64)).astype("float32")
    for scale, narrow in ((1.0, False), (0.01, True)):
        small = tiny_tflite.quantise(
            path, tmp_path / f"{scale}.tflite", "static_wi8_ai8", {"x": inputs * scale})
        found = facts.tflite_facts(load(small), {"x": inputs})
        assert any("calibration" in text for text in found.warnings) is narrow
