"""`keras_seqattn.edge.lower.walk`: a graph computes what its model does."""

import keras
import numpy as np
import pytest
from keras_models import MODELS, draw, fill

from keras_seqattn import layers
from keras_seqattn.edge.lower.walk import lower


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
    assert len(graph.notes) == 2
    unknown, under_a_mask = graph.notes
    assert "no handler knows its class: " in unknown
    assert "embedding" in unknown
    assert "a padding mask reaches it: transformer_encoder_block" in under_a_mask
    assert [node.kind for node in graph.nodes].count("call") == 4


@pytest.mark.parametrize("call", [
    lambda layer, x: layer(x, x, attention_mask=np.tril(np.ones((7, 7), bool))),
    lambda layer, x: layer(x, x, return_attention_scores=True)[0],
])
def test_masks_and_scores_leave_attention_to_the_layer(call):
    x = keras.Input((7, 12), name="x")
    model = fill(keras.Model(x, call(layers.MultiHeadAttention(3, 5), x)))
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == ["call"]
    inputs = draw(model, 2)
    np.testing.assert_allclose(
        next(iter(graph.run(inputs).values())), model(inputs["x"]), atol=1e-6)


def test_a_layer_called_twice_has_its_weights_at_both_places():
    x = keras.Input((7, 5), name="x")
    dense = keras.layers.Dense(5)
    model = fill(keras.Model(x, dense(dense(x))))
    inputs = draw(model, 2)
    np.testing.assert_allclose(
        next(iter(lower(model).run(inputs).values())), model(inputs["x"]), atol=1e-6)


def test_bytes_count_every_weight():
    for name in ("mean", "masked"):
        model = MODELS[name]()
        assert lower(model).num_bytes() == 4 * model.count_params()


@pytest.mark.parametrize(("layer", "call"), [
    (keras.layers.MultiHeadAttention(3, 5, sliding_window=2), {}),
    (keras.layers.MultiHeadAttention(3, 5, use_gate=True), {}),
    (keras.layers.MultiHeadAttention(3, 5), {"use_causal_mask": True}),
    (layers.MultiHeadAttention(3, 5, sliding_window=2), {"use_causal_mask": True}),
    (layers.MultiHeadAttention(3, 5, use_gate=True), {}),
], ids=["window", "gate", "causal", "own window", "own gate"])
def test_every_form_of_attention_is_computed_or_left(layer, call):
    x, y = keras.Input((5, 12), name="x"), keras.Input((7, 12), name="y")
    model = fill(keras.Model([x, y], {"to": layer(x, y, **call), "of": layer(x, x, **call)}))
    inputs = draw(model, 2)
    expected, actual = model(inputs), lower(model).run(inputs)
    for name in expected:
        np.testing.assert_allclose(actual[name], expected[name], atol=1e-6)


@pytest.mark.parametrize(("kwargs", "kind"), [
    ({"size": (2, 3)}, "repeat"), ({"interpolation": "bilinear"}, "call")])
def test_up_sampling_stays_within_rank_4(rng, kwargs, kind):
    x = keras.Input((5, 7, 3), name="x")
    model = keras.Model(x, keras.layers.UpSampling2D(**kwargs)(x))
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == [kind]
    images = rng.normal(size=(2, 5, 7, 3)).astype("float32")
    np.testing.assert_array_equal(
        next(iter(graph.run({"x": images}).values())), model(images))
