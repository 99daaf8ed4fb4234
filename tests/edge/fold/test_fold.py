"""`keras_seqattn.edge.fold.fold`: every rule is exact, and does what it is for."""

import keras
import numpy as np
import pytest
from keras_models import MODELS, draw, fill, vit

from keras_seqattn.edge.fold import (
    attention,
    first_positions,
    fold,
    formulas,
    smooth_quant,
    streams,
)
from keras_seqattn.edge.lower.walk import lower

EXACT = 1e-10  # in float64, where only sums in another order differ


def as_float64(inputs):
    return {name: array.astype("float64") if array.dtype.kind == "f" else array
            for name, array in inputs.items()}


def change(model, rule, seed=1):
    """Largest difference that a rule makes to any output in float64, and the graph."""
    inputs = as_float64(draw(model, 3, seed))
    before, graph = lower(model, "float64").run(inputs), lower(model, "float64")
    rule(graph)
    after = graph.run(inputs)
    return max(float(np.abs(np.asarray(before[name]) - np.asarray(after[name])).max())
               for name in before), graph


def ranges_of(graph):
    """Any positive range for each dense layer."""
    rng = np.random.default_rng(5)
    return {node.name: rng.uniform(0.5, 9, len(node.weights["kernel"]))
            for node in graph.nodes if node.kind == "dense"}


RULES = {
    "early": first_positions.keep_first_positions,
    "centre": streams.centre_streams,
    "norms": streams.absorb_norms,
    "query": attention.absorb_query_scales,
    "key": attention.drop_key_biases,
    "value": attention.absorb_value_biases,
    "balance": attention.balance_attention,
    "all": fold.fold,
    "rotate": lambda graph: fold.fold(graph, rotate=True),
    "ranges": lambda graph: smooth_quant.balance_norms(fold.fold(graph), ranges_of(graph)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_exact(name, rule):
    difference, _ = change(fill(MODELS[name]()), RULES[rule])
    assert difference < EXACT


@pytest.mark.parametrize("rotate", [False, True])
@pytest.mark.parametrize("name", ["mean", "token", "post", "grouped", "keras"])
def test_in_float32_logits_stay_within_rounding(name, rotate):
    model = fill(MODELS[name]())
    inputs = draw(model, 3)
    graph = fold.fold(lower(model), rotate=rotate)
    assert {array.dtype.name for node in graph.nodes for array in node.weights.values()} == {
        "float32"}
    expected = model(next(iter(inputs.values())), training=False)
    np.testing.assert_allclose(next(iter(graph.run(inputs).values())), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["mean", "token", "conv", "sinusoidal", "grouped", "keras"])
def test_a_pre_norm_model_keeps_neither_means_nor_scales(name):
    model = fill(MODELS[name]())
    graph = fold.fold(lower(model))
    norms = [node for node in graph.nodes if node.kind == "norm"]
    assert len(norms) == 5
    assert all(node.settings["centred"] and not node.weights for node in norms)
    for node in graph.nodes:
        if node.kind == "attention":
            assert node.settings["scale"] == 1
    assert not any("key" in node.name.split("/")[-1] and "bias" in node.weights
                   for node in graph.nodes)
    assert not any(node.name.endswith("/value") and "bias" in node.weights
                   for node in graph.nodes)


def test_post_norm_is_left_alone_and_said():
    _, graph = change(fill(MODELS["post"]()), fold.fold)
    norms = [node for node in graph.nodes if node.kind == "norm"]
    assert not any(node.settings["centred"] for node in norms)
    assert any("block_0/attention_norm" in note and "LayerNorm kept" in note
               for note in graph.notes)
    # what follows the last norm is a dense layer alone
    assert norms[-1].weights == {}


def test_a_stream_that_something_else_reads_is_left_alone():
    x = keras.Input((7, 12), name="x")
    y = keras.layers.Dense(12, name="write")(x)
    normed = keras.layers.LayerNormalization(name="norm")(y)
    model = fill(keras.Model(x, keras.layers.Dense(3)(normed) + keras.layers.Dense(3)(y)))
    difference, graph = change(model, fold.fold)
    assert difference < EXACT
    assert any("a dense reads its stream" in note for note in graph.notes)


def test_the_last_block_computes_the_class_token_alone():
    graph = fold.fold(lower(fill(vit(pooling="token"))))
    lengths = {}
    inputs = draw(vit(), 1)
    for node in graph.nodes:
        graph.outputs = {"probe": node.outputs[0]}
        lengths[node.name] = graph.run(inputs)["probe"].shape
    assert lengths["block_1/attention/key"][1] == 7
    assert lengths["block_1/attention/query"][1] == 1
    assert lengths["block_1/feed_forward/hidden"] == (1, 1, 37)
    assert lengths["block_0/feed_forward/hidden"] == (1, 7, 37)


def test_every_rule_touches_something():
    """A rule that did nothing would be exact as well."""
    weights = {}
    for rule in RULES:
        graph = lower(fill(vit(pooling="token")))
        before = [(node.kind, dict(node.weights), dict(node.settings)) for node in graph.nodes]
        RULES[rule](graph)
        after = [(node.kind, dict(node.weights), dict(node.settings)) for node in graph.nodes]
        weights[rule] = str(before) != str(after)
    assert all(weights.values()), weights


def test_balance_by_hand():
    factors = formulas.balance(np.array([16.0, 1.0]), np.array([1.0, 4.0]))
    np.testing.assert_allclose(factors, [np.sqrt(8), 1 / np.sqrt(8)])
    np.testing.assert_allclose(formulas.balance(np.array([0.0, 1.0]), np.array([1.0, 1.0])), [1, 1])


@pytest.mark.parametrize("size", [1, 2, 8, 22, 31])
def test_a_rotation_is_orthogonal(size):
    matrix = formulas.rotation(size)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), atol=1e-12)
    np.testing.assert_array_equal(matrix, formulas.rotation(size))
    if size >= 8:
        assert np.abs(matrix).max() < 0.999


def test_ranges_even_out_what_enters_a_dense_layer():
    """SmoothQuant by hand: features as wide as their rows are, in the same ratio everywhere."""
    graph = lower(fill(vit(pooling="mean")))
    ranges = ranges_of(graph)
    smooth_quant.balance_norms(fold.fold(graph), ranges)
    norm = next(node for node in graph.nodes if node.name == "block_1/feed_forward_norm")
    hidden = next(node for node in graph.nodes if node.name == "block_1/feed_forward/hidden")
    widths = ranges[hidden.name] * norm.weights["scale"]
    rows = np.abs(hidden.weights["kernel"]).max(axis=1)
    np.testing.assert_allclose(widths / rows, np.full(22, (widths / rows)[0]), rtol=1e-5)


def test_ranges_are_those_of_the_model():
    """What enters the logits is what Keras pools."""
    model = fill(vit(pooling="mean"))
    inputs = draw(model, 37)
    graph = lower(model)
    pooled = np.asarray(keras.Model(model.input, model.get_layer("pool").output)(
        inputs["images"]))
    outputs = dict(graph.outputs)
    ranges = smooth_quant.feature_ranges(graph, inputs)
    np.testing.assert_allclose(ranges["logits"], np.abs(pooled).max(axis=0), atol=1e-5)
    assert graph.outputs == outputs
