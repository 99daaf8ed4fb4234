"""`keras_seqattn.edge.conversion`: what the house writes itself, and the converter's road."""

import keras
import numpy as np
import pytest
from keras_models import MODELS, draw, fill

from keras_seqattn import edge
from keras_seqattn.edge import conversion, formats
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.converter import culprit, process
from keras_seqattn.edge.tflite.session import Session
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
TFLITE, ONNX = (formats.FORMATS[suffix] for suffix in (".tflite", ".onnx"))


class Foreign(keras.layers.Layer):
    """A layer that computes with TensorFlow's functions, which the converter knows."""

    def call(self, inputs):
        import tensorflow as tf

        return tf.math.cumsum(tf.tanh(inputs), axis=1)


class Odd(keras.layers.Layer):
    """A layer that neither the house nor the converter can express."""

    def call(self, inputs):
        return keras.ops.erfinv(keras.ops.tanh(inputs))


def _model(*stack, features=5):
    x = y = keras.Input((features,), name="x")
    for layer in stack:
        y = layer(y)
    return fill(keras.Model(x, y))


def _foreign():
    return _model(keras.layers.Dense(7), Foreign(name="foreign"), keras.layers.Dense(3))


@pytest.fixture
def converted(monkeypatch):
    """Modules of the converters that ran."""
    ran, run = [], process.run
    monkeypatch.setattr(process, "run", lambda module, *given: (
        ran.append(module), run(module, *given))[1])
    return ran


@pytest.mark.parametrize("name", MODELS)
def test_what_is_traced_leaves_without_a_converter(tmp_path, converted, name):
    model = fill(MODELS[name]())
    out = tmp_path / "x.tflite"
    conversion.write(conversion.prepare(model, TFLITE), out, TFLITE, "float32", str(tmp_path))
    assert converted == []
    inputs = draw(model, 1)
    made = Session(out).run(**inputs)
    expected = model(inputs if len(inputs) > 1 else next(iter(inputs.values())), training=False)
    expected = expected if isinstance(expected, dict) else {model.output_names[0]: expected}
    for key, array in expected.items():
        np.testing.assert_allclose(made[key], array, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "dynamic_wi8_afp32"])
def test_what_is_not_traced_leaves_through_the_converter_and_is_named(
        tmp_path, converted, precision):
    model = _foreign()
    report = edge.export(model, tmp_path / "x.tflite", precision)
    assert converted == [TFLITE.converter]
    assert any(note.startswith("left as they are") and note.endswith(": foreign")
               for note in report.notes)
    assert (report.ops["FULLY_CONNECTED"], report.ops["CUMSUM"]) == (2, 1)
    x = draw(model, 3)["x"]
    np.testing.assert_allclose(edge.load(tmp_path / "x.tflite")(x), model(x),
                               atol=1e-5 if precision == "float32" else 0.05)


def test_integers_stay_integers_on_the_way_to_the_converter(tmp_path, converted):
    """The places that `take` reads are a constant of the graph."""
    x = keras.Input((7,), name="x")
    taken = keras.ops.take(Foreign(name="foreign")(x), np.array([5, 2, 3]), axis=1)
    model = keras.Model(x, taken)
    edge.export(model, tmp_path / "x.tflite", "float32")
    assert converted == [TFLITE.converter]
    given = draw(model, 3)["x"]
    np.testing.assert_allclose(edge.load(tmp_path / "x.tflite")(given), model(given), atol=1e-5)


def test_examples_reach_the_converter(tmp_path, converted):
    model = _foreign()
    report = edge.export(model, tmp_path / "x.tflite", "static_wi8_ai8",
                         calibration=draw(model, 37))
    assert converted == [TFLITE.converter]
    dense = [op for op in reader.read(tmp_path / "x.tflite").ops if op.name == "FULLY_CONNECTED"]
    assert {op.given[0].dtype for op in dense} == {"int8"}
    assert report.holds


def test_every_signature_is_prepared_with_its_sizes(tmp_path):
    x = keras.Input((None, 12), name="x")
    y = keras.layers.Dense(12)(x)
    model = fill(keras.Model(x, keras.layers.MultiHeadAttention(3, 4)(y, y)))
    shapes = {f"of_{length}": {"x": (1, length, 12)} for length in (5, 7)}
    prepared = conversion.prepare(model, TFLITE, shapes=shapes, fold=False)
    assert prepared.num_bytes == 4 * model.count_params()
    assert {name: graph.specs for name, graph in prepared.graphs.items()} == {
        "of_5": {"x": ((1, 5, 12), "float32")}, "of_7": {"x": ((1, 7, 12), "float32")}}
    out = tmp_path / "x.tflite"
    conversion.write(prepared, out, TFLITE, "float32", str(tmp_path))
    assert reader.read(out).weight_bytes < 4.2 * model.count_params()
    for name, sizes in shapes.items():
        array = np.random.default_rng(1).normal(size=sizes["x"]).astype("float32")
        made, = Session(out, signature=name).run(x=array).values()
        np.testing.assert_allclose(made, model(array), atol=1e-5)


def test_signatures_that_need_the_converter_are_refused(tmp_path):
    shapes = {name: {"x": (1, 5)} for name in ("one", "two")}
    prepared = conversion.prepare(_foreign(), TFLITE, shapes=shapes)
    with pytest.raises(edge.ExportError, match=r"unknown=\['foreign'\]"):
        conversion.write(prepared, tmp_path / "x.tflite", TFLITE, "float32", str(tmp_path))


def test_another_backend_is_told_which_layers_need_the_converter(tmp_path, monkeypatch, converted):
    prepared = conversion.prepare(_foreign(), TFLITE)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(edge.ExportError) as caught:
        conversion.write(prepared, tmp_path / "x.tflite", TFLITE, "float32", str(tmp_path))
    for text in ("layers=['foreign']", "backend='jax'", "KERAS_BACKEND=tensorflow"):
        assert text in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert converted == []


def test_another_backend_writes_what_the_house_knows(tmp_path, monkeypatch):
    prepared = conversion.prepare(fill(MODELS["keras"]()), TFLITE)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    conversion.write(prepared, tmp_path / "x.tflite", TFLITE, "float32", str(tmp_path))
    assert (tmp_path / "x.tflite").exists()


def test_a_layer_without_builtin_ops_is_refused_by_name(tmp_path, own_process):
    model = _model(keras.layers.Lambda(keras.ops.erfinv, name="odd"))
    with pytest.raises(edge.ExportError, match="exit_code=1") as caught:
        edge.export(model, tmp_path / "out" / "x.tflite", "float32")
    assert "Erfinv, made by layer `odd/erfinv`" in str(caught.value)
    assert "To fix: express layer `odd/erfinv` with other ops" in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_layer_that_tensorflow_cannot_trace_is_told(tmp_path):
    class Broken(keras.layers.Layer):
        def call(self, inputs):
            import tensorflow as tf

            return tf.linalg.expm(tf.cast(inputs, "string"))

        def compute_output_spec(self, inputs):
            return keras.KerasTensor(inputs.shape, inputs.dtype)

    with pytest.raises(edge.ExportError, match=r"layers=\['broken'\], count=1, .* said=.*string"):
        edge.export(_model(Broken(name="broken")), tmp_path / "x.tflite", "float32")
    assert list(tmp_path.iterdir()) == []


def test_a_converter_that_dies_takes_nobody_along(tmp_path, monkeypatch, own_process):
    """A segmentation fault in the converter's process is an error with its exit code here."""
    (tmp_path / "dies.py").write_text("import faulthandler; faulthandler._sigsegv()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setitem(formats.FORMATS, ".tflite", TFLITE._replace(converter="dies"))
    monkeypatch.setattr(culprit, "find", lambda *_: [])     # it would import TensorFlow anew
    with pytest.raises(edge.ExportError, match="exit_code=-11"):
        edge.export(_foreign(), tmp_path / "out" / "x.tflite", "float32")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_weights_that_no_converter_takes_are_told_before(tmp_path, monkeypatch, suffix, converted):
    monkeypatch.setitem(formats.FORMATS, suffix, formats.FORMATS[suffix]._replace(largest=100))
    with pytest.raises(ValueError, match=rf"must fit into one \{suffix} file, 100 bytes"):
        edge.export(_foreign(), tmp_path / f"x{suffix}", "float32")
    assert converted == []
    assert list(tmp_path.iterdir()) == []


def test_what_the_house_writes_may_be_larger(tmp_path, monkeypatch):
    monkeypatch.setitem(formats.FORMATS, ".tflite", TFLITE._replace(largest=100))
    assert edge.export(_model(keras.layers.Dense(31)), tmp_path / "x.tflite", "float32").holds


def test_pixels_and_examples_agree():
    model = fill(MODELS["mean"]())
    examples = {"images": draw(model, 3)["images"]}
    prepared = conversion.prepare(model, TFLITE, examples, image_input="uint8", mean=120.0,
                                  std=60.0)
    graph, = prepared.graphs.values()
    assert graph.specs["images"][1] == prepared.examples["images"].dtype == "uint8"
    made = graph.run_all(prepared.examples)["logits"]
    scaled = (prepared.examples["images"].astype("float32") - 120) / 60
    np.testing.assert_allclose(made, model(scaled), atol=1e-4)


def test_a_model_that_is_not_functional_is_refused():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    check_error(lambda: conversion.prepare(Own(), TFLITE), model="Own")
