"""`keras_seqattn.edge.tflite.quantize.requantise`: settings of ops, ranges as they are given."""

import numpy as np
import pytest
import tiny_tflite

from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite import reader, schema
from keras_seqattn.edge.tflite.quantize import plan, requantise
from keras_seqattn.edge.tflite.quantize.ranges import observe

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


def _configs(file, precision):
    made = plan.make(reader.read(file), ALL_PRECISIONS[precision])
    return {op.name: requantise._config(made, op) for op in made.main.ops}


@pytest.mark.parametrize(("precision", "dense", "product"), [
    ("float16", (16, "FLOAT", True, None), None),
    ("weight_only_wi8_afp32", (8, "FLOAT", True, None), None),
    ("dynamic_wi8_afp32", (8, "INTEGER", False, None), None),
    ("dynamic_wi4_afp32", (4, "INTEGER", False, None), None),
    ("mixed_wi8_ai8", (8, "INTEGER", False, None), (8, "INTEGER", False, 8)),
    ("static_wi8_ai8", (8, "INTEGER", False, 8), (8, "INTEGER", False, 8)),
    ("static_wi8_ai16", (8, "INTEGER", False, 16), (8, "INTEGER", False, 16)),
])
def test_settings_of_each_op(file, precision, dense, product):
    def seen(config):
        return config and (
            config.weight_tensor_config.num_bits, config.compute_precision.name,
            config.explicit_dequantize,
            config.activation_tensor_config and config.activation_tensor_config.num_bits)

    configs = _configs(file, precision)
    assert seen(configs["FULLY_CONNECTED"]) == dense
    assert seen(configs["BATCH_MATMUL"]) == product
    assert (configs["ADD"] is None) == (precision != "static_wi8_ai16")


def test_blocks_are_named(file):
    granularity = _configs(file, "dynamic_wi4_afp32")["FULLY_CONNECTED"].weight_tensor_config
    assert granularity.granularity == schema.quantizer_settings().QuantGranularity.BLOCKWISE_32


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
