"""`keras_seqattn.edge.fold.epilogues`: what becomes part of a product, exactly, and what stays."""

import keras
import numpy as np
import pytest
from keras_models import fill
from rewrites import EXACT, change

from keras_seqattn.edge.fold.epilogues import join_epilogues

IMAGE, TOKENS = (7, 11, 6), (7, 10)


def _model(shape, *layers):
    y = x = keras.Input(shape, name="x")
    for layer in layers:
        y = layer(y)
    return _drawn(keras.Model(x, y))


def _drawn(model):
    """Weights that differ, with variances that can be ones."""
    fill(model)
    for weight in model.weights:
        if weight.name == "moving_variance":
            weight.assign(np.random.default_rng(5).uniform(0.5, 2, weight.shape))
    return model


def _kinds(graph):
    return [node.kind for node in graph.nodes if node.kind != "constant"]


def _norm():
    return keras.layers.BatchNormalization()


@pytest.mark.parametrize(("layer", "kind"), [
    (keras.layers.Conv2D(5, 3, strides=2, padding="same"), "conv"),
    (keras.layers.Conv2D(5, 3, use_bias=False), "conv"),
    (keras.layers.DepthwiseConv2D(3, depth_multiplier=2), "depthwise"),
    (keras.layers.Dense(5), "dense"),
    (keras.layers.Dense(5, use_bias=False), "dense")])
@pytest.mark.parametrize("activation", ["relu", "relu6", "tanh", "gelu"])
def test_a_norm_and_an_activation_become_part_of_the_product(layer, kind, activation):
    layer = type(layer).from_config(layer.get_config())
    model = _model(IMAGE, layer, _norm(), keras.layers.Activation(activation))
    difference, graph = change(model, join_epilogues, count=1)
    assert difference < EXACT
    assert _kinds(graph) == [kind]
    product, = (node for node in graph.nodes if node.kind == kind)
    assert product.settings["activation"] is keras.activations.get(activation)


def test_a_transposed_convolution_takes_a_norm_but_no_activation():
    model = _model(IMAGE, keras.layers.Conv2DTranspose(5, 3, strides=2), _norm(),
                   keras.layers.Activation("relu"))
    difference, graph = change(model, join_epilogues, count=1)
    assert difference < EXACT
    assert _kinds(graph) == ["conv_transpose", "unary"]


def test_a_bias_behind_a_change_of_shape_becomes_the_products():
    """An `EinsumDense` to several heads has its bias by head and feature."""
    layer = keras.layers.EinsumDense("abc,cde->abde", (None, 2, 5), bias_axes="de")
    difference, graph = change(_model(TOKENS, layer), join_epilogues, count=1)
    assert difference < EXACT
    assert _kinds(graph) == ["dense", "reshape"]
    np.testing.assert_array_equal(graph.nodes[0].weights["bias"],
                                  np.asarray(layer.bias, "float64").reshape(-1))


@pytest.mark.parametrize("function", [
    lambda y, c: y + c, lambda y, c: keras.ops.add(c, y), lambda y, c: y - c,
    lambda y, c: y * c, lambda y, c: keras.ops.multiply(c, y), lambda y, c: float(c[0]) * y,
    lambda y, c: y / c])
def test_arithmetic_with_a_row_of_constants(function):
    row = np.random.default_rng(3).normal(size=5).astype("float32")
    x = keras.Input(TOKENS, name="x")
    model = _drawn(keras.Model(x, function(keras.layers.Dense(5)(x), row)))
    difference, graph = change(model, join_epilogues, count=1)
    assert difference < EXACT
    assert _kinds(graph) == ["dense"]


def _square(y):
    return y * np.arange(49, dtype="float32").reshape(7, 7)


@pytest.mark.parametrize("behind", [
    lambda y: y * np.arange(7, dtype="float32")[:, None],
    lambda y: keras.ops.subtract(np.arange(7, dtype="float32"), y),
    lambda y: keras.ops.divide(np.arange(7, dtype="float32"), y),
    lambda y: y + np.ones((1, 1, 1, 7), "float32"),
    lambda y: keras.ops.square(y),
    lambda y: keras.ops.gelu(y, approximate=True),
    lambda y: keras.ops.reshape(y, (-1, 49)) + np.arange(49, dtype="float32"),
    _square])
def test_what_is_not_by_feature_stays(behind):
    """A factor for each position, what is subtracted from, other ranks, other functions."""
    x = keras.Input((7, 10), name="x")
    model = _drawn(keras.Model(x, behind(keras.layers.Dense(7)(x))))
    difference, graph = change(model, join_epilogues, count=1)
    assert difference < EXACT
    assert len(_kinds(graph)) > 1
    product, = (node for node in graph.nodes if node.kind == "dense")
    for name, weight in zip(("kernel", "bias"), model.weights, strict=True):
        np.testing.assert_array_equal(product.weights[name], np.asarray(weight, "float64"))


def test_a_product_that_is_read_twice_or_leaves_stays_as_it_is():
    x = keras.Input(IMAGE, name="x")
    y = keras.layers.Conv2D(5, 3)(x)
    normed = _norm()(y)
    for outputs in ([y, normed], [normed + y], [keras.ops.relu(normed), normed]):
        model = _drawn(keras.Model(x, outputs))
        difference, graph = change(model, join_epilogues, count=1)
        assert difference < EXACT
        joined = outputs == [outputs[0], normed] and outputs[0] is not y
        assert ("scale" in _kinds(graph)) is not joined
        assert graph.nodes[0].settings["activation"] is None


def test_what_stands_behind_an_activation_stays():
    model = _model(IMAGE, keras.layers.Conv2D(5, 3, activation="relu"), _norm())
    difference, graph = change(model, join_epilogues, count=1)
    assert difference < EXACT
    assert _kinds(graph) == ["conv", "scale"]


def test_a_shared_layer_keeps_the_norm_of_one_place_from_the_other():
    x = keras.Input(IMAGE, name="x")
    conv = keras.layers.Conv2D(6, 3, padding="same")
    y = _norm()(conv(x))
    model = _drawn(keras.Model(x, _norm()(conv(y))))
    difference, graph = change(model, join_epilogues, count=1)
    assert difference < EXACT
    assert _kinds(graph) == ["conv", "conv"]
