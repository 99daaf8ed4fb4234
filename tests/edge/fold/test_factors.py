"""`keras_seqattn.edge.fold.factors`: what becomes one factor, and what the first product takes."""

import keras
import numpy as np
import pytest
from keras_models import fill
from rewrites import EXACT, change

from keras_seqattn.edge.fold.factors import join_factors

IMAGE = (7, 11, 3)
K = keras.layers


def _graph(*layers, shape=IMAGE):
    y = x = keras.Input(shape, name="x")
    for layer in layers:
        y = layer(y)
    difference, graph = change(fill(keras.Model(x, y)), join_factors)
    assert difference < EXACT
    graph.drop_unread()
    return graph


def _kinds(graph):
    return [node.kind for node in graph.nodes]


def _normalization(**kwargs):
    return K.Normalization(**{"mean": [.1, .2, .3], "variance": [.5, .6, .7], **kwargs})


def test_a_chain_of_constants_is_one_factor_and_one_offset():
    graph = _graph(K.Rescaling(0.3, 0.2), _normalization(), K.Rescaling([2.0, 3.0, 5.0]))
    assert _kinds(graph) == ["scale"]
    factor = 0.3 / np.sqrt([.5, .6, .7]) * [2, 3, 5]
    np.testing.assert_allclose(np.ravel(graph.nodes[0].weights["factor"]), factor, rtol=1e-6)


@pytest.mark.parametrize("function", [
    lambda x: (x + 0.3) * 0.7, lambda x: (x - 0.3) / 0.7, lambda x: 0.7 * (0.3 + x) * 0.2,
    lambda x: x * np.arange(3.0, dtype="float32") + np.ones((7, 1, 1), "float32")])
def test_arithmetic_with_constants_in_a_row(function):
    assert _kinds(_graph(function)) == ["scale"]


@pytest.mark.parametrize("function", [
    lambda x: 0.3 - x * 0.7, lambda x: 0.3 / (x * x * 0.2 + 1.0),
    lambda x: keras.ops.sin(x * 0.7) + 0.3,
    lambda x: (x * 0.7) + keras.ops.sin(x * 0.7) * 0.3,
    lambda x: x * np.float32(1000) + np.float32(1) - np.float32(0.5) + x])
def test_arithmetic_of_other_kinds_stays_exact(function):
    _graph(function)


def test_an_offset_that_cancels_in_float32_is_subtracted_first():
    graph = _graph(_normalization(mean=[3e4] * 3, variance=[4.0] * 3))
    assert _kinds(graph).count("binary") == 2


@pytest.mark.parametrize(("layer", "kind"), [
    (K.Conv2D(5, 3, padding="same"), "conv"), (K.Conv2D(5, 3), "conv"),
    (K.DepthwiseConv2D(3, padding="same"), "depthwise"), (K.Dense(5), "dense"),
    (K.Conv2DTranspose(5, 3), "conv_transpose")])
def test_the_first_product_takes_one_factor(layer, kind):
    layer = type(layer).from_config(layer.get_config())
    kinds = _kinds(_graph(K.Rescaling(1 / 255), layer))
    assert kinds[0] == kind
    assert "scale" not in kinds


def test_a_factor_passes_a_border_of_zeros():
    graph = _graph(K.Rescaling(0.3), K.ZeroPadding2D(3), K.Conv2D(5, 3))
    assert _kinds(graph) == ["pad", "conv"]


@pytest.mark.parametrize("layers", [
    [K.Rescaling(0.3, 0.1), K.Conv2D(5, 3, padding="same")],
    [K.Rescaling([0.3, 0.1, 0.7]), K.Conv2D(5, 3)],
    [K.ReLU(), K.Rescaling(0.3), K.Conv2D(5, 3)],
    [K.Rescaling(0.3), lambda x: keras.ops.pad(
        x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=2.0), K.Conv2D(5, 3)],
    [K.Rescaling(0.3), lambda x: keras.ops.pad(
        x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"), K.Conv2D(5, 3)]])
def test_what_the_first_product_does_not_take(layers):
    """Offsets, factors by feature, what does not enter the graph, borders of other numbers."""
    layers = [type(each).from_config(each.get_config()) if isinstance(each, K.Layer) else each
              for each in layers]
    assert "scale" in _kinds(_graph(*layers))


def test_a_factor_that_others_read_stays():
    x = keras.Input(IMAGE, name="x")
    y = K.Rescaling(0.3)(x)
    for outputs in ([y, K.Conv2D(5, 3)(y)], [K.Conv2D(5, 3)(y), K.Conv2D(2, 3)(y)]):
        difference, graph = change(fill(keras.Model(x, outputs)), join_factors)
        assert difference < EXACT
        assert "scale" in _kinds(graph)


def test_a_factor_on_integers_stays_since_it_makes_them_floats():
    x = keras.Input(IMAGE, dtype="int32", name="x")
    difference, graph = change(
        fill(keras.Model(x, K.Conv2D(5, 3)(K.Rescaling(0.3)(x)))), join_factors)
    assert difference < EXACT
    assert "scale" in _kinds(graph)
