"""`keras_seqattn.edge.check.emulated`: a compiled file against its model, in the NPU's arithmetic.

The emulator is stood in for, so that these tests run everywhere. `edge/npu` tests it itself.
"""

import keras
import numpy as np
import pytest

from keras_seqattn import edge
from keras_seqattn.edge.npu import chips, emulator
from keras_seqattn.edge.tflite import reader
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
IMAGES = np.random.default_rng(3).normal(size=(11, 5)).astype("float32")


def plain():
    x = keras.Input((5,), name="x")
    return keras.Model(x, keras.layers.Dense(7, name="logits")(x))


def masking():
    x = keras.Input((5,), dtype="int32", name="x")
    words = keras.layers.Embedding(13, 3, mask_zero=True)(x)
    mean = keras.layers.GlobalAveragePooling1D()(words)
    return keras.Model(x, keras.layers.Dense(7, name="logits")(mean))


@pytest.fixture
def stands_in(monkeypatch, tmp_path):
    """Function from what the NPU adds to each output to a model and its file."""
    def put(added, build=plain):
        keras.utils.set_random_seed(3)
        model, path = build(), tmp_path / "x.tflite"
        edge.export(model, path, "float32")
        signature = reader.read(path).signatures[0]
        monkeypatch.setattr(emulator, "program", lambda file: emulator.Program(
            b"", "", signature.inputs, signature.outputs))
        monkeypatch.setattr(emulator, "chip", lambda file: chips.CHIPS["SM8650"])
        monkeypatch.setattr(emulator, "run", lambda file, arrays: {
            "logits": model.predict(arrays["x"], verbose=0) + np.float32(added)})
        return model, path

    return put


def test_what_the_npu_computes_is_measured(stands_in):
    model, path = stands_in(0.0)
    targets = model.predict(IMAGES, verbose=0).argmax(axis=-1)
    report = edge.verify(path, model, IMAGES, targets, on="npu")
    assert report.holds
    assert (report.top1_agreement, report.accuracy["edge"], report.latency) == (1.0, 1.0, None)
    assert any("emulator of SM8650" in note for note in report.notes)


def test_errors_and_what_is_no_number_are_failures(stands_in):
    model, path = stands_in(0.5)
    report = edge.verify(path, model, IMAGES, on="npu")
    assert report.max_abs_error == pytest.approx(0.5)
    assert not report.holds
    model, path = stands_in(np.nan)
    assert any("not finite" in text for text in edge.verify(
        path, model, IMAGES, on="npu").failures)


def test_padded_copies_of_examples_have_no_classes(stands_in):
    model, path = stands_in(0.0, masking)
    words = np.random.default_rng(5).integers(1, 13, (11, 5)).astype("int32")
    targets = model.predict(words, verbose=0).argmax(axis=-1)
    report = edge.verify(path, model, words, targets, on="npu")
    assert report.accuracy == {"keras": 1.0, "edge": 1.0, "examples": 11}


def test_an_unknown_processor(stands_in):
    model, path = stands_in(0.0)
    check_error(lambda: edge.verify(path, model, on="dsp"), on="dsp")
