"""`keras_seqattn.edge.float32`: whatever a model computes in, its file computes in float32."""

import keras
import numpy as np
import pytest

from keras_seqattn import edge
from keras_seqattn.edge import float32

pytestmark = pytest.mark.edge
KINDS = ("float64", "float16", "bfloat16")


def _input(dtype):
    x = keras.Input((4,), name="x", dtype=dtype)
    return keras.Model(x, {"d": keras.layers.Dense(3)(x)}), "input x"


def _layer(dtype):
    x = keras.Input((4,), name="x")
    return keras.Model(x, {"d": keras.layers.Dense(3, name="head", dtype=dtype)(x)}), "layer head"


def _output(dtype):
    x = keras.Input((4,), name="x")
    return keras.Model(x, {"d": keras.ops.cast(keras.layers.Dense(3)(x), dtype)}), "output d"


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("make", [_input, _layer, _output])
def test_other_floats_leave_as_float32_with_a_note(make, dtype, tmp_path):
    keras.utils.set_random_seed(5)
    model, what = make(dtype)
    report = edge.export(model, tmp_path / "x.tflite", "float32")
    assert report.holds
    assert {each["dtype"] for each in (*report.inputs, *report.outputs)} == {"float32"}
    assert report.notes == [f"float32 in the file, {dtype} in the model: {what}"]
    assert model.inputs[0].dtype == (dtype if make is _input else "float32")


def test_calibration_examples_enter_in_float32(tmp_path):
    model, _ = _input("float64")
    examples = np.random.default_rng(3).normal(size=(35, 4))
    assert edge.export(model, tmp_path / "x.tflite", calibration=examples, inputs=examples).holds


def test_a_wrong_file_of_a_model_in_half_precision_fails(tmp_path):
    model, _ = _output("float16")
    edge.export(model, tmp_path / "x.tflite", "float32")
    model.set_weights([1.05 * each for each in model.get_weights()])
    assert not edge.verify(tmp_path / "x.tflite", model).holds


def test_many_layers_are_counted():
    x = keras.Input((4,), name="x")
    found = x
    for i in range(7):
        found = keras.layers.Dense(4, dtype="mixed_float16", name=f"d{i}")(found)
    note, = float32.notes(keras.Model(x, found))
    assert note.endswith("d4 and 2 more") or note.endswith("d4 and 3 more")
