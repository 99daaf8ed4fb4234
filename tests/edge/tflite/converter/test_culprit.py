"""`keras_seqattn.edge.tflite.converter.culprit`: the op, and the layer that made it."""

import keras
import numpy as np
import pytest

from keras_seqattn.edge.tflite.converter import culprit
from keras_seqattn.edge.tflite.converter.convert import convert

pytestmark = pytest.mark.edge


class Odd(keras.layers.Layer):
    """An op that no TFLite builtin expresses."""

    def call(self, inputs):
        return keras.ops.erfinv(inputs)


class Determinant(keras.layers.Layer):
    """An op for which TensorFlow's kernels would be needed."""

    def call(self, inputs):
        import tensorflow as tf

        return tf.linalg.det(inputs[:, None, None, 0] * np.eye(3, dtype="float32"))[:, None]


def _conversion_error(model, folder):
    """What the converter says of a model, in this process."""
    model.export(folder / "saved", format="tf_saved_model", verbose=False, input_signature=[
        keras.InputSpec(shape=(1, *each.shape[1:]), dtype=each.dtype, name=each.name)
        for each in model.inputs])
    with pytest.raises(Exception, match="ops") as caught:  # ConverterError is not public
        convert(str(folder / "saved"), folder / "out.tflite", "float32")
    return str(caught.value)


def _model(*stack):
    inputs = x = keras.Input((5,), name="x")
    for layer in stack:
        x = layer(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize(("stack", "expected"), [
    ([keras.layers.Dense(7, name="plain"), Odd(name="odd"), keras.layers.Dense(3, name="head")],
     [("Erfinv", "odd", "Odd")]),
    ([Odd(name="odd"), keras.layers.Dense(3, name="between"), Odd(name="odd_1")],
     [("Erfinv", "odd", "Odd"), ("Erfinv", "odd_1", "Odd")]),
    ([keras.ops.erfinv], [("Erfinv", "erfinv", "Erfinv")]),
    ([keras.layers.Lambda(lambda x: keras.ops.erfinv(x), name="trick")],
     [("Erfinv", "trick", "Lambda")]),
    ([Determinant(name="det")], [("MatrixDeterminant", "det", "Determinant")]),
    ([keras.layers.Dense(5, activation=keras.ops.erfinv, name="bent")],
     [("Erfinv", "bent", "Dense")]),
], ids=["layer", "two", "operation", "lambda", "flex", "activation"])
def test_the_layer_is_named(tmp_path, stack, expected):
    keras.utils.clear_session()  # or operations without a name are counted on
    model = _model(*stack)
    assert culprit.find(model, _conversion_error(model, tmp_path)) == expected


def test_a_layer_of_a_nested_model_is_named(tmp_path):
    inner = _model(keras.layers.Dense(7, name="plain"), Odd(name="deep"))
    model = _model(inner)
    assert culprit.find(model, _conversion_error(model, tmp_path)) == [("Erfinv", "deep", "Odd")]


def test_the_place_in_the_text_acquits_other_layers_with_the_op():
    """Two layers make a `Mul`; the text points to the second."""
    model = _model(
        keras.layers.Rescaling(2.0, name="good"), keras.layers.Rescaling(3.0, name="bad"))
    text = ('loc(fused["Mul:", "functional_1/bad_1/mul@__inference_serve_15"]): '
            "'tf.Mul' op is neither a custom op nor a flex op")
    assert culprit.find(model, text) == [("Mul", "bad", "Rescaling")]
    nowhere = "'tf.Mul' op is neither a custom op nor a flex op"
    assert [name for _, name, _ in culprit.find(model, nowhere)] == ["good", "bad"]


def test_an_op_that_no_layer_makes_is_told_alone():
    assert culprit.find(_model(keras.layers.Dense(3)), "TF Select ops: Rare, Rarer") == [
        ("Rare", "", ""), ("Rarer", "", "")]


def test_without_a_text_each_layer_is_converted_alone():
    model = _model(keras.layers.Dense(7, name="plain"), Odd(name="odd"))
    assert culprit.find(model) == [("", "odd", "Odd")]


def test_the_advice_for_a_lambda_is_a_class():
    assert "layer class" in culprit.advice([("Erfinv", "trick", "Lambda")])
    assert "Lambda" not in culprit.advice([("Erfinv", "odd", "Odd")])
