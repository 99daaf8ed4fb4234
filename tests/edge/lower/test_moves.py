"""`keras_seqattn.edge.lower.moves`: moves behind moves are one, and compute the same."""

import keras
import numpy as np
import pytest
from keras import ops
from keras_models import draw, fill

from keras_seqattn.edge.lower.trace import lower

IMAGE = (7, 11, 6)
K = keras.layers


def _graph(function, shape=IMAGE):
    """The graph of a function, which computes what Keras does."""
    x = keras.Input(shape, name="x")
    model = fill(keras.Model(x, function(x)))
    inputs = draw(model, 1)
    graph = lower(model)
    expected = keras.tree.flatten(model(inputs["x"], training=False))
    for made, each in zip(graph.run_all(inputs).values(), expected, strict=True):
        np.testing.assert_allclose(made, each, atol=1e-5)
    return graph


def _kinds(graph):
    return [node.kind for node in graph.nodes]


@pytest.mark.parametrize(("function", "kinds"), [
    (lambda x: ops.reshape(ops.reshape(x, (1, 77, 6)), (1, 11, 42)), ["reshape"]),
    (lambda x: ops.sin(ops.reshape(ops.reshape(x, (1, 77, 6)), (1, 7, 11, 6))), ["unary"]),
    (lambda x: ops.transpose(ops.transpose(x, (0, 3, 1, 2)), (0, 2, 1, 3)), ["transpose"]),
    (lambda x: ops.sin(ops.transpose(ops.transpose(x, (0, 3, 1, 2)), (0, 2, 3, 1))), ["unary"]),
    (lambda x: x[:, 1:6][:, ::2, 3:], ["slice"]),
    (lambda x: x[:, 1::2][:, 1:, :, 2:][:, :, 1::3], ["slice"])])
def test_moves_in_a_row_are_one(function, kinds):
    assert _kinds(_graph(function)) == kinds


@pytest.mark.parametrize("pooled", [
    lambda x: K.GlobalAveragePooling2D()(x), lambda x: ops.mean(x, (1, 2)),
    lambda x: ops.max(x, (1, 2)), lambda x: ops.sum(x, (-2, 1))])
def test_axes_that_a_reshape_gives_back_are_kept(pooled):
    graph = _graph(lambda x: ops.reshape(pooled(x), (1, 1, 1, 6)))
    assert _kinds(graph) == ["reduce"]


def test_a_mean_that_is_read_with_its_axes_and_without_is_computed_once():
    def function(x):
        y = K.GlobalAveragePooling2D()(x)
        return K.Dense(5)(y), x * ops.reshape(y, (1, 1, 1, 6)), ops.sin(y)

    assert sorted(_kinds(_graph(function))) == ["binary", "dense", "reduce", "reshape", "unary"]


@pytest.mark.parametrize("shape", [(1, 1, 6, 1), (1, 6), (1, 2, 1, 3), (1, 1, 1, 1, 6)])
def test_other_shapes_are_reshaped(shape):
    assert "reduce" not in _kinds(_graph(
        lambda x: ops.sin(ops.reshape(K.GlobalAveragePooling2D()(x), shape))))


@pytest.mark.parametrize(("sides", "layer", "size"), [
    (((0, 1), (0, 1)), lambda: K.Conv2D(5, 3, strides=2), (8, 12)),
    (((1, 1), (1, 1)), lambda: K.Conv2D(5, 3, strides=2), (7, 11)),
    (((1, 1), (1, 1)), lambda: K.Conv2D(5, 3), (7, 11)),
    (((1, 2), (1, 2)), lambda: K.Conv2D(5, 5, strides=2), (8, 12)),
    (((2, 2), (2, 2)), lambda: K.Conv2D(5, 3, dilation_rate=2), (7, 11)),
    (((0, 1), (0, 1)), lambda: K.DepthwiseConv2D(3, strides=2), (8, 12))])
def test_a_border_as_same_puts_it_becomes_the_windows(sides, layer, size):
    graph = _graph(lambda x: layer()(K.ZeroPadding2D(sides)(x)), (*size, 6))
    assert "pad" not in _kinds(graph)
    assert graph.nodes[0].settings["padding"] == "same"


@pytest.mark.parametrize(("sides", "layer"), [
    (((1, 0), (1, 0)), lambda: K.Conv2D(5, 3, strides=2)),
    (((1, 1), (1, 1)), lambda: K.Conv2D(5, 3, strides=2)),
    (((2, 2), (2, 2)), lambda: K.Conv2D(5, 3)),
    (((0, 1), (0, 1)), lambda: K.Conv2D(5, 3, strides=2, padding="same")),
    (((1, 1), (1, 1)), lambda: K.Conv2D(5, 1, strides=3))])
def test_other_borders_stay(sides, layer):
    assert _kinds(_graph(lambda x: layer()(K.ZeroPadding2D(sides)(x)), (8, 12, 6))) == [
        "pad", "conv"]


@pytest.mark.parametrize("options", [{"mode": "reflect"}, {"constant_values": 2.0}])
def test_borders_of_other_numbers_stay(options):
    graph = _graph(lambda x: K.Conv2D(5, 3)(ops.pad(
        x, ((0, 0), (1, 1), (1, 1), (0, 0)), **options)))
    assert _kinds(graph) == ["pad", "conv"]
