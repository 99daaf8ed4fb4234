"""`keras_seqattn.edge.tflite.quantize.requantise`: settings of ops, ranges as they are given."""

import math

import numpy as np
import pytest
import tiny_tflite

from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.quantize import plan, requantise
from keras_seqattn.edge.tflite.quantize.ranges import observe
from keras_seqattn.errors import ExportError

pytestmark = pytest.mark.edge
SHAPE = (1, 3, 64)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A dense layer, two heads of what it makes turned and multiplied, and a sum."""
    import tensorflow as tf

    kernel = np.random.default_rng(3).normal(size=(64, 64)).astype("float32")

    def function(x):
        heads = tf.reshape(tf.reshape(x, (3, 64)) @ kernel, (1, 3, 2, 32))
        left, right = tf.transpose(heads, (0, 2, 1, 3)), tf.transpose(heads, (0, 2, 3, 1))
        return tf.matmul(left, right) + 1.0

    return tiny_tflite.write(tmp_path_factory.mktemp("requantise") / "x.tflite", function, x=SHAPE)


@pytest.mark.parametrize(("precision", "bits", "kinds"), [
    ("mixed_wi8_ai8", 8, {"BATCH_MATMUL", "TRANSPOSE"}),
    ("static_wi8_ai8", 8, {"BATCH_MATMUL", "FULLY_CONNECTED", "TRANSPOSE"}),
    ("static_wi8_ai16", 16, {"ADD", "BATCH_MATMUL", "FULLY_CONNECTED", "RESHAPE", "TRANSPOSE"}),
])
def test_ops_of_fixed_ranges_and_their_setting(file, precision, bits, kinds):
    row = ALL_PRECISIONS[precision]
    made = requantise.feasible(plan.make(reader.read(file), row))
    assert {op.name for op in made.static} == kinds
    setting = requantise._setting(row)
    assert setting.activation_tensor_config.num_bits == bits
    assert setting.activation_tensor_config.symmetric == (bits == 16)
    assert setting.weight_tensor_config.num_bits == 8


def test_what_gelu_alone_reads_begins_where_gelu_is_flat(tmp_path):
    import tensorflow as tf

    kernel = np.random.default_rng(3).normal(size=(64, 67)).astype("float32")

    def function(x):
        y = tf.reshape(x, (3, 64)) @ kernel
        return {"one": tf.nn.gelu(y + 1.0), "two": (y + 2.0) * 3.0}

    path = tiny_tflite.write(tmp_path / "x.tflite", function, x=SHAPE)
    made = requantise.feasible(plan.make(reader.read(path), ALL_PRECISIONS["static_wi8_ai16"]))
    flat = requantise._flat(made)
    gelu = next(op for op in made.main.ops if op.name == "GELU")
    assert flat == {gelu.given[0].name: -3.0}
    assert abs(0.5 * -3 * (1 + math.erf(-3 / math.sqrt(2)))) < 0.005


def test_an_op_without_kernels_stays_in_float(tmp_path):
    """There is none of 16 bits for a SQUARED_DIFFERENCE."""
    import tensorflow as tf

    path = tiny_tflite.write(
        tmp_path / "x.tflite", lambda x: tf.math.squared_difference(x, 2.0) + 1.0, x=SHAPE)
    made = plan.make(reader.read(path), ALL_PRECISIONS["static_wi8_ai16"])
    assert [op.name for op in made.static] == ["SQUARED_DIFFERENCE", "ADD"]
    assert [op.name for op in requantise.feasible(made).static] == ["ADD"]


def test_nothing_is_printed(tmp_path, capfd):
    """The quantiser draws a progress bar where there are 100 tensors."""
    import tensorflow as tf

    def function(x):
        for _ in range(101):
            x = tf.matmul(x, x) * 0.1
        return x

    path = tiny_tflite.write(tmp_path / "x.tflite", function, x=(1, 3, 3))
    made = plan.make(reader.read(path), ALL_PRECISIONS["mixed_wi8_ai8"])
    ranges, _ = observe(path, {"x": np.ones((2, 3, 3), "float32")}, made.ranged)
    capfd.readouterr()
    requantise.write(made, ranges, path, tmp_path / "out.tflite")
    assert "tensors" not in "".join(capfd.readouterr())


def test_a_refusal_is_an_error_of_exports(file, tmp_path, monkeypatch):
    made = plan.make(reader.read(file), ALL_PRECISIONS["static_wi8_ai8"])
    x = np.zeros((2, *SHAPE[1:]), "float32")
    ranges, _ = observe(file, {"x": x}, made.ranged)
    monkeypatch.setattr(requantise, "_calibration", lambda plan, ranges: {})
    with pytest.raises(ExportError, match="use dynamic_wi8_afp32"):
        requantise.write(made, ranges, file, tmp_path / "out.tflite")


def test_the_right_operand_has_no_offset_and_what_is_turned_keeps_its_range(file):
    made = plan.make(reader.read(file), ALL_PRECISIONS["mixed_wi8_ai8"])
    x = np.random.default_rng(5).uniform(1, 2, size=(5, *SHAPE[1:])).astype("float32")
    ranges, _ = observe(file, {"x": x}, made.ranged)
    found = requantise._calibration(made, ranges)
    product = next(op for op in made.main.ops if op.name == "BATCH_MATMUL")
    right = [found[tensor.name] for tensor in plan.rearranged(made.main, product.inputs[1])
             if tensor.name in found]
    assert len(right) == 2
    assert right[0] == right[1]
    np.testing.assert_allclose(right[0]["min"], -right[0]["max"] * 128 / 127, rtol=1e-6)
    left = found[product.given[0].name]     # of the same numbers, so of the same range
    assert (left["min"], left["max"]) == (-right[0]["max"], right[0]["max"])
    assert set(found) == set(made.ranged)
