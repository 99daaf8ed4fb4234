"""`keras_seqattn.edge.tflite.quantize.remaining`: what a quantised file still holds in float."""

import keras
import pytest
from keras_models import fill

from keras_seqattn import edge
from keras_seqattn.edge.tflite.quantize import remaining

pytestmark = pytest.mark.edge


def _model():
    """A dense layer, and a table of 7 · 61 · 4 bytes that is added."""
    x = keras.Input((7, 61), name="x")
    y = keras.layers.Dense(61, name="dense")(x)
    table = keras.ops.reshape(keras.ops.cos(keras.ops.arange(427, dtype="float32")), (7, 61))
    return fill(keras.Model(x, y + table))


def _named(notes):
    return [note for note in notes if "in float32" in note or "quantised" in note]


@pytest.mark.parametrize("precision", ["float16", "dynamic_wi8_afp32", "dynamic_wi4_afp32"])
def test_what_stays_is_named_with_its_bytes(tmp_path, precision):
    report = edge.export(_model(), tmp_path / "x.tflite", precision)
    note, = _named(report.notes)
    assert note.startswith("these stay in float32: ")
    assert note.endswith(" (ADD) 1,708 bytes")
    assert "dense" not in note


def test_a_float_file_has_nothing_to_say(tmp_path):
    assert _named(edge.export(_model(), tmp_path / "x.tflite", "float32").notes) == []


def test_no_more_than_five_are_named(tmp_path):
    x = y = keras.Input((64,), name="x")
    for place in range(7):
        y = keras.layers.Dense(64, "relu", name=f"layer_{place}")(y)
    model = fill(keras.Model(x, keras.layers.Dense(5)(y)))
    report = edge.export(model, tmp_path / "x.tflite", keep_float=["layer_?"])
    assert any(note.endswith("bytes and 2 more") for note in report.notes)
    assert remaining.notes(tmp_path / "x.tflite", "float32") == []


@pytest.mark.parametrize("precision", [
    "float16", "dynamic_wi8_afp32", "dynamic_wi4_afp32", "mixed_wi8_ai8", "static_wi8_ai8"])
def test_a_model_without_weights_leaves_and_says_so(tmp_path, rng, precision):
    x = keras.Input((8, 6, 3), name="x")
    model = keras.Model(x, keras.layers.AveragePooling2D(2)(x))
    images = rng.uniform(-1, 1, size=(37, 8, 6, 3)).astype("float32")
    report = edge.export(model, tmp_path / "x.tflite", precision, calibration=images)
    assert report.holds
    note, = _named(report.notes)
    assert note.startswith("nothing in this file is quantised")
