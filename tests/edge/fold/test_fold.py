"""`keras_seqattn.edge.fold.fold`: every rule is exact, and does what it is for."""

import numpy as np
import pytest
from keras_models import MODELS, draw, fill
from rewrites import EXACT, change, ranges_of

from keras_seqattn.edge.fold import attention, first_positions, fold, smooth_quant, streams
from keras_seqattn.edge.lower.walk import lower

RULES = {
    "first": first_positions.keep_first_positions,
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
