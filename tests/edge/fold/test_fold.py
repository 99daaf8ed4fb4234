"""`keras_seqattn.edge.fold.fold`: every rule is exact, and does what it is for."""

import keras
import keras_models
import numpy as np
import pytest
from keras_models import draw, fill
from rewrites import EXACT, change, ranges_of

from keras_seqattn.edge.fold import (
    attention,
    epilogues,
    factors,
    first_positions,
    fold,
    repeated,
    smooth_quant,
    streams,
)
from keras_seqattn.edge.lower.trace import lower


def _rescaled():
    """Pixels that are scaled twice before a convolution reads them."""
    return keras.Sequential([
        keras.Input((5, 7, 3), name="x"), keras.layers.Rescaling(0.3), keras.layers.Rescaling(0.7),
        keras.layers.Conv2D(2, 3, padding="same")])


MODELS = {**keras_models.MODELS, "rescaled": _rescaled}
RULES = {
    "repeated": repeated.join_repeated,
    "epilogues": epilogues.join_epilogues,
    "factors": factors.join_factors,
    "first": first_positions.keep_first_positions,
    "centre": streams.centre_streams,
    "norms": streams.absorb_norms,
    "query": attention.absorb_query_scales,
    "key": attention.drop_key_biases,
    "value": attention.absorb_value_biases,
    "balance": attention.balance_attention,
    "join": fold.join,
    "all": fold.fold,
    "rotate": lambda graph: fold.fold(graph, rotate=True),
    "ranges": lambda graph: smooth_quant.balance_norms(fold.fold(graph), ranges_of(graph)),
}


def test_every_pass_is_held():
    assert set(fold.PASSES) <= set(RULES.values())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_exact(name, rule):
    difference, _ = change(fill(MODELS[name]()), RULES[rule])
    assert difference < EXACT


def test_every_rule_touches_something():
    """A rule that did nothing would be exact as well."""
    idle = [rule for rule in RULES if not any(
        _changes(RULES[rule], lower(fill(MODELS[name]()))) for name in ("token", *MODELS))]
    assert idle == []


def _changes(rule, graph):
    before, _ = _facts(graph), rule(graph)
    return before != _facts(graph)


def _facts(graph):
    return str([(node.kind, dict(node.weights), dict(node.settings)) for node in graph.nodes])


@pytest.mark.parametrize("rotate", [False, True])
@pytest.mark.parametrize("name", ["mean", "token", "post", "grouped", "keras"])
def test_in_float32_logits_stay_within_rounding(name, rotate):
    model = fill(MODELS[name]())
    inputs = draw(model, 3)
    graph = fold.fold(lower(model), rotate=rotate)
    assert {array.dtype.name for node in graph.nodes for array in node.weights.values()} == {
        "float32"}
    expected = model(next(iter(inputs.values())), training=False)
    np.testing.assert_allclose(next(iter(graph.run_all(inputs).values())), expected, atol=1e-5)


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


def test_a_step_of_a_loop_is_joined_too():
    class Cell(keras.layers.SimpleRNNCell):
        def call(self, inputs, states, training=False):
            output, states = super().call(inputs * 0.5 * 0.3, states, training=training)
            return output, states

    x = keras.Input((11, 3), name="x")
    model = fill(keras.Model(x, keras.layers.RNN(Cell(5))(x)))
    difference, graph = change(model, fold.join, count=1)
    assert difference < EXACT
    step = next(node.settings["step"] for node in graph.nodes if node.kind == "scan")
    before = next(node.settings["step"] for node in lower(model).nodes if node.kind == "scan")
    assert len(step.nodes) < len(before.nodes)
