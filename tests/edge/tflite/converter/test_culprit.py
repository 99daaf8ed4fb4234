"""`keras_seqattn.edge.tflite.converter.culprit`: the op, and the layer that made it."""

import keras
import numpy as np
import pytest

from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.edge.tflite.converter import culprit, saved_model
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

        return tf.linalg.det(
            inputs[:, :1, None] * np.eye(3, dtype="float32"))[:, None] * inputs


class Cubed(keras.layers.Layer):
    """What the converter alone knows how to write."""

    def call(self, inputs):
        import tensorflow as tf

        return tf.pow(inputs, 3.0)


def _conversion_error(graph, folder):
    """What the converter says of a graph, in this process."""
    saved_model.write(graph, folder / "saved")
    with pytest.raises(Exception, match="ops") as caught:  # ConverterError is not public
        convert(folder / "saved", folder / "out.tflite", "float32")
    return str(caught.value)


def _model(*stack):
    inputs = x = keras.Input((5,), name="x")
    for layer in stack:
        x = layer(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize(("stack", "expected"), [
    ([keras.layers.Dense(7, name="plain"), Odd(name="odd"), keras.layers.Dense(3, name="head")],
     [("Erfinv", "odd/erfinv", "Erfinv")]),
    ([Odd(name="odd"), keras.layers.Dense(3, name="between"), Odd(name="odd_1")],
     [("Erfinv", "odd/erfinv", "Erfinv"), ("Erfinv", "odd_1/erfinv", "Erfinv")]),
    ([keras.ops.erfinv], [("Erfinv", "erfinv", "Erfinv")]),
    ([keras.layers.Lambda(lambda x: keras.ops.erfinv(x), name="trick")],
     [("Erfinv", "trick/erfinv", "Erfinv")]),
    ([Determinant(name="det")], [("MatrixDeterminant", "det", "Determinant")]),
    ([keras.layers.Dense(5, activation=keras.ops.erfinv, name="bent")],
     [("Erfinv", "bent/erfinv", "Erfinv")]),
], ids=["layer", "two", "operation", "lambda", "flex", "activation"])
def test_the_layer_is_named(tmp_path, stack, expected):
    graph = lower(_model(*stack))
    assert culprit.find(graph, _conversion_error(graph, tmp_path)) == expected


def test_a_layer_of_a_nested_model_is_named(tmp_path):
    inner = _model(keras.layers.Dense(7, name="plain"), Determinant(name="deep"))
    graph = lower(_model(inner))
    assert culprit.find(graph, _conversion_error(graph, tmp_path)) == [
        ("MatrixDeterminant", "deep", "Determinant")]


def test_the_place_in_the_text_acquits_other_calls_with_the_op():
    """Two layers make a `MatrixDeterminant`; the text points to the second."""
    graph = lower(_model(Determinant(name="good"), keras.layers.Dense(5), Determinant(name="bad")))
    text = ('loc(fused["MatrixDeterminant:", "functional_1/bad_1/det@__inference_serve_15"]): '
            "'tf.MatrixDeterminant' op is neither a custom op nor a flex op")
    assert culprit.find(graph, text) == [("MatrixDeterminant", "bad", "Determinant")]
    nowhere = "'tf.MatrixDeterminant' op is neither a custom op nor a flex op"
    assert [name for _, name, _ in culprit.find(graph, nowhere)] == ["good", "bad"]


def test_an_op_that_no_call_makes_is_told_alone():
    assert culprit.find(lower(_model(Determinant())), "TF Select ops: Rare, Rarer") == [
        ("Rare", "", ""), ("Rarer", "", "")]


def test_without_a_text_each_call_is_converted_alone():
    graph = lower(_model(Cubed(name="fine"), Determinant(name="odd"), Determinant(name="odder")))
    assert culprit.find(graph) == [("", "odd", "Determinant")]


def test_a_call_alone_has_its_weights():
    """An operation that is no layer computes with a layer's weights, as inside a convolution."""
    kernel = keras.Variable(np.full((1,), 2.0, "float32"))

    class Scaled(keras.Operation):
        def call(self, inputs):
            import tensorflow as tf

            return tf.pow(inputs, 3.0) * kernel

        def compute_output_spec(self, inputs):
            return keras.KerasTensor(inputs.shape, inputs.dtype)

    inputs = keras.Input((3,))
    graph = lower(keras.Model(inputs, Scaled(name="scaled")(inputs)))
    assert [node.kind for node in graph.nodes] == ["call"]
    assert culprit.find(graph) == []
