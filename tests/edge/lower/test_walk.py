"""`keras_seqattn.edge.lower.walk`: a graph computes what its model does, and says what was left."""

import keras
import numpy as np
import pytest
from keras_models import MODELS, draw, fill

from keras_seqattn.edge.lower import walk
from keras_seqattn.edge.lower.lowering import Unfit
from keras_seqattn.edge.lower.walk import lower
from keras_seqattn.testing import check_error


class Times(keras.layers.Layer):
    """A layer that the library does not know."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


def _times(lowering, call, inputs):
    layer = call.operation
    if layer.factor < 0:
        raise Unfit("it turns signs")
    weights = {"factor": lowering.array(layer.factor), "offset": lowering.array(0)}
    return lowering.add("scale", layer.name, inputs, weights)


@pytest.fixture
def handle(monkeypatch):
    """Lets a handler lower layers of the class `Times`."""
    return lambda handler: monkeypatch.setitem(walk.HANDLERS, Times, handler)


def _model(*layers):
    y = x = keras.Input((7, 5), name="x")
    for layer in layers:
        y = layer(y)
    return fill(keras.Model(x, y))


def _check(model, graph, inputs):
    np.testing.assert_allclose(
        next(iter(graph.run(inputs).values())), model(inputs["x"]), atol=1e-6)


def outputs_of(model, inputs):
    made = model(inputs if len(inputs) > 1 else next(iter(inputs.values())), training=False)
    return made if isinstance(made, dict) else {model.output_names[0]: made}


@pytest.mark.parametrize("name", MODELS)
def test_a_graph_computes_what_its_model_does(name):
    model = fill(MODELS[name]())
    inputs = draw(model, 3)
    expected = outputs_of(model, inputs)
    actual = lower(model).run(inputs)
    assert set(actual) == set(expected)
    for key, array in expected.items():
        np.testing.assert_allclose(actual[key], array, atol=3e-6)


@pytest.mark.parametrize(
    "name", ["mean", "token", "conv", "sinusoidal", "post", "grouped", "rms", "keras"])
def test_nothing_of_a_transformer_is_left(name):
    graph = lower(MODELS[name]())
    assert graph.notes == []
    kinds = [node.kind for node in graph.nodes]
    assert "call" not in kinds
    assert kinds.count("attention") == 2


def test_what_is_not_understood_is_called_and_named():
    graph = lower(MODELS["masked"]())
    unknown, under_a_mask = graph.notes
    assert "no handler knows its class: " in unknown
    assert "embedding" in unknown
    assert "a padding mask reaches it: transformer_encoder_block" in under_a_mask
    assert [node.kind for node in graph.nodes].count("call") == 4


def test_a_layer_called_twice_has_its_weights_at_both_places():
    dense = keras.layers.Dense(5)
    model = _model(dense, dense)
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == ["dense", "dense"]
    _check(model, graph, draw(model, 2))


def test_a_handler_of_an_own_layer_lowers_it(handle):
    model = _model(Times(3.0))
    assert [node.kind for node in lower(model).nodes] == ["call"]
    handle(_times)
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == ["scale"]
    assert graph.notes == []
    _check(model, graph, draw(model, 2))


def test_a_handler_that_does_not_know_the_form_leaves_the_layer_and_says_why(handle):
    def unfit(lowering, call, inputs):
        lowering.add("relu", "half done", inputs)
        return _times(lowering, call, inputs)

    handle(unfit)
    model = _model(Times(-3.0, name="a"), Times(-2.0, name="b"), Times(5.0, name="c"))
    graph = lower(model)
    assert graph.notes == ["left as they are, since it turns signs: a, b"]
    assert [node.kind for node in graph.nodes] == ["call", "call", "scale"]
    _check(model, graph, draw(model, 2))


def test_what_was_left_but_is_not_read_is_not_named():
    """The second output of a nested model, which the outer model leaves alone."""
    x, y = keras.Input((7, 5), name="x"), keras.Input((7, 5), name="y")
    inner = keras.Model(y, [keras.layers.Dense(3)(y), keras.layers.LayerNormalization(axis=1)(y)])
    graph = lower(keras.Model(x, inner(x)[0]))
    assert [node.kind for node in graph.nodes] == ["dense"]
    assert graph.notes == []


@pytest.mark.parametrize("error", [ValueError, AttributeError, KeyError])
def test_a_handler_that_fails_is_not_taken_for_one_that_is_unfit(handle, error):
    def broken(lowering, call, inputs):
        raise error("a fault of the handler")

    handle(broken)
    with pytest.raises(error, match="a fault of the handler"):
        lower(_model(Times(3.0)))


@pytest.mark.parametrize("returned", [None, [], [0, 0], "scale"])
def test_a_handler_must_return_a_value_for_each_output(handle, returned):
    handle(lambda lowering, call, inputs: returned)
    check_error(lambda: lower(_model(Times(3.0))), TypeError, returned=returned, layer="Times")


def test_a_class_has_one_handler():
    assert walk.join({int: _times}, {str: _times}) == {int: _times, str: _times}
    check_error(lambda: walk.join({int: _times}, {str: _times, int: _times}), twice=["int"])


def test_a_layer_that_keras_quantised_is_left():
    model = _model(keras.layers.Dense(3, name="small"))
    model.get_layer("small").quantize("int8")
    graph = lower(model)
    assert graph.notes == ["left as they are, since Keras has quantised it: small"]
    _check(model, graph, draw(model, 2))


def test_a_model_that_is_not_functional_is_refused():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    check_error(lambda: lower(Own()), model="Own")
