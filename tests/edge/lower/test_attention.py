"""`keras_seqattn.edge.lower.attention`: every form is computed, in one piece or opened."""

import keras
import numpy as np
import pytest
from keras_models import draw, fill

from keras_seqattn import layers
from keras_seqattn.edge.lower.trace import lower


def _kinds(graph):
    return [node.kind for node in graph.nodes]


def _check(graph, model, inputs):
    """The graph computes what the model does, output by output."""
    made = model(inputs if len(inputs) > 1 else next(iter(inputs.values())))
    expected = made if isinstance(made, dict) else {next(iter(graph.outputs)): made}
    actual = graph.run_all(inputs)
    for name, array in expected.items():
        np.testing.assert_allclose(actual[name], array, atol=1e-6)


def _mask(layer, x):
    return layer(x, x, attention_mask=np.tril(np.ones((7, 7), bool)))


def _scores(layer, x):
    return layer(x, x, return_attention_scores=True)[0]


@pytest.mark.parametrize("call", [_mask, _scores])
@pytest.mark.parametrize("owner", [layers, keras.layers])
def test_masks_and_scores_open_attention(call, owner):
    x = keras.Input((7, 12), name="x")
    model = fill(keras.Model(x, call(owner.MultiHeadAttention(3, 5, name="read"), x)))
    graph = lower(model)
    assert (_kinds(graph).count("dense"), _kinds(graph).count("softmax")) == (4, 1)
    assert "call" not in _kinds(graph)
    _check(graph, model, draw(model, 2))


@pytest.mark.parametrize(("layer", "call", "whole"), [
    (keras.layers.MultiHeadAttention(3, 5), {}, 2),
    (keras.layers.MultiHeadAttention(3, 5, sliding_window=2), {}, 0),
    (keras.layers.MultiHeadAttention(3, 5, use_gate=True), {}, 0),
    (keras.layers.MultiHeadAttention(3, 5), {"use_causal_mask": True}, 1),
    (keras.layers.MultiHeadAttention(3, 5, output_shape=(2, 3)), {}, 0),
    (layers.MultiHeadAttention(3, 5, sliding_window=2), {"use_causal_mask": True}, 2),
    (layers.MultiHeadAttention(3, 5, use_gate=True), {}, 0),
], ids=["plain", "window", "gate", "causal", "axes", "own window", "own gate"])
def test_every_form_of_attention_is_computed(layer, call, whole):
    """Across two sequences, and within one; some of them in one piece."""
    x, y = keras.Input((5, 12), name="x"), keras.Input((7, 12), name="y")
    model = fill(keras.Model([x, y], {"to": layer(x, y, **call), "of": layer(x, x, **call)}))
    graph = lower(model)
    assert graph.notes == []
    assert _kinds(graph).count("attention") == whole
    assert _kinds(graph).count("softmax") == 2 - whole
    _check(graph, model, draw(model, 2))


def test_attention_over_images_is_opened():
    x = keras.Input((3, 5, 12), name="x")
    model = fill(keras.Model(
        x, keras.layers.MultiHeadAttention(3, 5, attention_axes=(1, 2))(x, x)))
    graph = lower(model)
    assert _kinds(graph).count("dense") == 4
    assert "attention" not in _kinds(graph)
    _check(graph, model, draw(model, 2))


def test_a_block_under_a_mask_of_its_own_is_opened():
    """Also where a token may read nothing at all."""
    x = keras.Input((7, 12), name="x")
    mask = keras.Input((7, 7), dtype="bool", name="allowed")
    block = layers.TransformerEncoderBlock(3, 17, name="block")
    model = fill(keras.Model([x, mask], block(x, attention_mask=mask)))
    graph = lower(model)
    assert "call" not in _kinds(graph)
    assert _kinds(graph).count("norm") == 2
    allowed = np.tril(np.ones((2, 7, 7), bool))
    allowed[1, :, :3] = False
    _check(graph, model, {"x": draw(model, 2)["x"], "allowed": allowed})
