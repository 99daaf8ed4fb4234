"""`keras_seqattn.edge.lower.activations`: what bends numbers leaves as Keras computes it."""

import keras
import numpy as np
import pytest
from written import check, check_kind, kinds, model_of

from keras_seqattn.edge.lower.trace import lower

pytestmark = pytest.mark.edge

K = keras.layers
SHAPE = (7, 6)
NAMES = [name for name in dir(keras.activations) if name not in (
    "deserialize", "get", "serialize", "threshold") and name[0] != "_"]
LAYERS = {
    "leaky": K.LeakyReLU(0.3), "prelu": K.PReLU(), "prelu-shared": K.PReLU(shared_axes=(1,)),
    "elu": K.ELU(0.7), "relu": K.ReLU(), "relu6": K.ReLU(6.0), "relu-2": K.ReLU(2.0),
    "relu-slope": K.ReLU(negative_slope=0.1), "relu-threshold": K.ReLU(threshold=0.3),
    "relu-all": K.ReLU(0.9, 0.1, 0.2), "relu-6-slope": K.ReLU(6, 0.1),
    "softmax": K.Softmax(), "softmax-1": K.Softmax(axis=1), "softmax-both": K.Softmax(axis=(1, 2)),
    "threshold": K.Activation(lambda x: keras.activations.threshold(x, 0.2, 0.7)),
    "gelu-tanh": K.Activation(lambda x: keras.activations.gelu(x, approximate=True)),
    "celu": K.Activation(lambda x: keras.activations.celu(x, 0.6)),
    "soft-shrink": K.Activation(lambda x: keras.activations.soft_shrink(x, 0.2)),
    "glu": K.Activation(lambda x: keras.activations.glu(x, 2)),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_activation_of_keras(name, tmp_path):
    check(model_of(K.Activation(name), SHAPE), tmp_path / "x.tflite")


@pytest.mark.parametrize("name", NAMES)
def test_every_activation_inside_a_dense_layer(name, tmp_path):
    check(model_of(K.Dense(10, activation=name), SHAPE), tmp_path / "x.tflite")


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layers_that_only_bend(layer, tmp_path):
    check(model_of(layer, SHAPE), tmp_path / "x.tflite")


def test_a_mask_gives_zeros_also_where_nothing_is_left(tmp_path):
    model = model_of(lambda x, mask: K.Softmax()(x, mask=mask), SHAPE, (SHAPE, "bool"))
    inputs = {"x0": np.linspace(-90, 90, 42, dtype="float32").reshape(1, *SHAPE),
              "x1": np.ones((1, *SHAPE), bool)}
    inputs["x1"][0, 2], inputs["x1"][0, 3, :4] = False, False
    graph = check(model, tmp_path / "x.tflite", inputs)
    assert "where" not in kinds(graph)


def test_a_slope_of_each_feature_is_one_op(tmp_path):
    x = np.asarray([[[-2, 3, -5], [1, -1, 0]]], "float32")
    made = check_kind("prelu", ([x], {"slope": np.asarray([[0.5, 2, -1]])}, {}),
                      tmp_path / "x.tflite")
    np.testing.assert_array_equal(made["y0"], [[[-1, 3, 5], [1, -2, 0]]])


def test_a_relu_with_a_slope_is_one_node():
    assert kinds(lower(model_of(K.ReLU(negative_slope=0.1), SHAPE))) == ["unary"]
