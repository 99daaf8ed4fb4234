"""`keras_seqattn.edge.keep_float`: few layers, an error that holds, and what a refusal advises."""

import keras
import numpy as np
import pytest
from keras_models import draw, fill

from keras_seqattn import edge
from keras_seqattn.edge import formats, keep_float
from keras_seqattn.edge.tflite import reader
from keras_seqattn.testing import check_error

NAMES = [f"layer_{place}" for place in range(61)]


class _Errors:
    """A function that `search` measures: errors add up as variances do."""

    def __init__(self, **alone):
        self._alone, self.count = alone, 0

    def __call__(self, kept):
        self.count += 1
        return float(np.sqrt(sum(self._alone.get(name, 1e-4) ** 2
                                 for name in NAMES if name not in kept)))


def test_two_of_many_are_found_with_few_measurements():
    measure = _Errors(layer_7=0.3, layer_41=0.2)
    choice = keep_float.search(measure, NAMES, 0.05)
    assert choice.names == ["layer_7", "layer_41"]
    assert choice.costs["layer_7"] == pytest.approx(0.3)
    assert choice.error == pytest.approx(np.sqrt(59) * 1e-4)
    assert choice.whole == pytest.approx(np.hypot(0.3, 0.2), rel=1e-3)
    assert measure.count < 30


def test_one_suffices_where_the_bound_is_wide():
    assert keep_float.search(_Errors(layer_7=0.3, layer_41=0.2), NAMES, 0.25).names == ["layer_7"]


def test_none_is_kept_where_the_error_holds():
    measure = _Errors(layer_7=0.3)
    choice = keep_float.search(measure, NAMES, 0.31)
    assert (choice.names, choice.error, measure.count) == ([], choice.whole, 1)
    assert choice.notes == []


def test_errors_of_layers_that_need_each_other():
    """Both must go; alone neither makes an error."""
    def measure(kept):
        return 0.3 if {"layer_7", "layer_41"} - set(kept) == {"layer_7", "layer_41"} else 0.001

    choice = keep_float.search(measure, NAMES, 0.05)
    assert measure(choice.names) <= 0.05


@pytest.mark.parametrize("bound", [0.05, 1e-9])
def test_what_is_infinite_is_found_too(bound):
    measure = _Errors(layer_3=np.inf, layer_5=0.1)
    choice = keep_float.search(measure, NAMES, bound)
    assert {"layer_3", "layer_5"} <= set(choice.names)
    assert measure(choice.names) <= bound


def test_without_patience_whole_groups_stay():
    measure = _Errors(layer_7=0.3, layer_41=0.2)
    choice = keep_float.search(measure, NAMES, 0.05, patience=0.0)
    assert choice.error <= 0.05
    assert len(choice.names) > 2
    assert measure.count < 5


def _model():
    """Three dense layers; one feature of the last one's input is a thousand times the others."""
    x = keras.Input((7, 64), name="x")
    y = keras.layers.Dense(61, name="calm")(x)
    y = keras.layers.Dense(64, name="wild")(keras.ops.relu(y))
    model = fill(keras.Model(x, keras.layers.Dense(5, name="head")(keras.ops.tanh(y))))
    kernel, bias = model.get_layer("calm").get_weights()
    kernel[:, 0], bias[0] = 0, 3000.0
    model.get_layer("calm").set_weights([kernel, bias])
    kernel, bias = model.get_layer("wild").get_weights()
    kernel[0] = 0
    model.get_layer("wild").set_weights([kernel, bias])
    return model


@pytest.mark.edge
def test_a_refusal_says_which_layer_costs_most_and_what_holds(tmp_path):
    model = _model()
    x = draw(model, 37)["x"]
    with pytest.raises(edge.ExportError, match=r"keep_float=\['wild'\]") as caught:
        edge.export(model, tmp_path / "x.tflite", inputs=x)
    assert "costs={'wild': " in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    for kept in (["wild"], "auto"):
        report = edge.export(model, tmp_path / "x.tflite", inputs=x, keep_float=kept)
        kernels = {tensor.shape: tensor.dtype for tensor in
                   reader.read(tmp_path / "x.tflite").tensors
                   if tensor.is_constant and len(tensor.shape) == 2}
        assert kernels == {(61, 64): "int8", (64, 61): "float32", (5, 64): "int8"}
        assert any("wild (FULLY_CONNECTED) 15,616 bytes" in note for note in report.notes)


@pytest.mark.edge
def test_an_error_that_is_told_holds(tmp_path):
    """Against the float file, on examples that the search was given."""
    x = keras.Input((7, 64), name="x")
    y = x
    for place in range(5):
        y = keras.layers.Dense(64, activation="gelu", name=f"layer_{place}")(y)
    model = fill(keras.Model(x, y))
    inputs = draw(model, 8)["x"]
    errors = []
    for bound in (0.02, 0.006):
        report = edge.export(model, tmp_path / "x.tflite", inputs=inputs, keep_float="auto",
                             max_error=bound)
        exact = model.predict(inputs, verbose=0)
        made = edge.load(tmp_path / "x.tflite")(inputs)
        errors.append(np.sqrt(np.mean((made - exact) ** 2) / np.mean(exact ** 2)))
        assert errors[-1] <= bound
        assert any("layers stay in float" in note for note in report.notes) == (bound < 0.01)
    assert errors[1] < errors[0]


@pytest.mark.edge
@pytest.mark.parametrize("precision", ["dynamic_wi4_afp32", "static_wi8_ai8", "float16"])
def test_what_is_kept_is_what_the_model_holds(tmp_path, precision):
    model = _model()
    x = draw(model, 37)["x"]
    edge.export(model, tmp_path / "x.tflite", precision, calibration=x, inputs=x,
                keep_float=["wild", "c?lm"], fold=False)
    file = reader.read(tmp_path / "x.tflite")
    for name in ("calm", "wild"):
        kernel = model.get_layer(name).get_weights()[0].T
        op, = (op for op in file.ops if op.outputs[0].name.partition(";")[0] == name
               and op.name == "FULLY_CONNECTED")
        np.testing.assert_array_equal(file.array(op.inputs[1]), kernel)
        assert op.inputs[0].dtype == op.outputs[0].dtype == "float32"


@pytest.mark.parametrize(("suffix", "writing", "kept", "bound", "received"), [
    (".tflite", False, "dense", None, {"keep_float": "dense"}),
    (".onnx", False, ["dense"], None, {"keep_float": ["dense"]}),
    (".tflite", True, "auto", None, {"keep_float": "auto"}),
    (".tflite", False, ["dense"], 0.1, {"max_error": 0.1, "keep_float": ["dense"]}),
    (".tflite", False, "auto", 0.0, {"max_error": 0.0}),
])
def test_arguments_that_do_not_fit(suffix, writing, kept, bound, received):
    form = formats.FORMATS[suffix]
    check_error(lambda: keep_float.check(form, writing, kept, bound), **received)


@pytest.mark.edge
def test_a_name_that_no_layer_has(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'wild'"):
        edge.export(_model(), tmp_path / "x.tflite", keep_float=["wildd"])
