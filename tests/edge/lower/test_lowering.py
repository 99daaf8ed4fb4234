"""`keras_seqattn.edge.lower.lowering`: what a handler is given."""

import keras
import numpy as np
import pytest

from keras_seqattn import borrowed
from keras_seqattn.edge.graph.graph import Graph
from keras_seqattn.edge.lower import lowering as given_to_handlers
from keras_seqattn.edge.lower.lowering import Lowering


@pytest.fixture
def call():
    """One call of a GRU that gives its state too."""
    x = keras.Input((7, 5), name="x")
    layer = keras.layers.GRU(3, return_state=True, name="gru")
    call, = borrowed.calls(keras.Model(x, layer(x, mask=None, training=True)))
    return call


def test_arrays_are_copies_in_the_dtype_of_the_graph():
    lowering = Lowering(Graph(), "float64", fuse=True)
    variable = keras.Variable(np.arange(6, dtype="float32").reshape(2, 3))
    array = lowering.array(variable, 3, -1)
    np.testing.assert_array_equal(array, [[0, 1], [2, 3], [4, 5]])
    assert array.dtype == "float64"
    assert lowering.array(None, -1) is None


def test_what_has_no_effect_at_inference_is_not_given(call):
    assert list(given_to_handlers.given(call)) == ["sequences"]


def test_a_call_makes_a_value_for_each_output(call):
    graph = Graph()
    values = Lowering(graph, "float32", fuse=True).call(call, [graph.new_value()])
    assert values == graph.nodes[0].outputs == [1, 2]
    assert graph.called_layers() == [call.operation]


def test_an_activation_is_told_unless_it_is_the_identity():
    assert given_to_handlers.activation_of(keras.layers.Dense(3)) is None
    assert given_to_handlers.activation_of(
        keras.layers.Dense(3, activation="relu")) is keras.activations.relu


def test_a_function_of_a_layer_becomes_a_handler(call):
    seen = []

    def add_layer(*arguments):
        seen.append(arguments)
        return 13

    assert given_to_handlers.of_layer(add_layer)("lowering", call, [11]) == 13
    assert seen == [("lowering", call.operation, 11, "gru")]
