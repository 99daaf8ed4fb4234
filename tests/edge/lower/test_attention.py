"""`keras_seqattn.edge.lower.attention`: every form is computed, or left to the layer."""

import keras
import numpy as np
import pytest
from keras_models import draw, fill

from keras_seqattn import layers
from keras_seqattn.edge.lower.walk import lower


def _mask(layer, x):
    return layer(x, x, attention_mask=np.tril(np.ones((7, 7), bool)))


def _scores(layer, x):
    return layer(x, x, return_attention_scores=True)[0]


@pytest.mark.parametrize(("call", "argument"), [
    (_mask, "attention_mask"), (_scores, "return_attention_scores")])
@pytest.mark.parametrize("owner", [layers, keras.layers])
def test_masks_and_scores_leave_attention_to_the_layer(call, argument, owner):
    x = keras.Input((7, 12), name="x")
    model = fill(keras.Model(x, call(owner.MultiHeadAttention(3, 5, name="read"), x)))
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == ["call"]
    assert graph.notes == [f"left as they are, since it is called with {argument}: read"]
    inputs = draw(model, 2)
    np.testing.assert_allclose(
        next(iter(graph.run(inputs).values())), model(inputs["x"]), atol=1e-6)


@pytest.mark.parametrize(("layer", "call", "left"), [
    (keras.layers.MultiHeadAttention(3, 5), {}, 0),
    (keras.layers.MultiHeadAttention(3, 5, sliding_window=2), {}, 2),
    (keras.layers.MultiHeadAttention(3, 5, use_gate=True), {}, 2),
    (keras.layers.MultiHeadAttention(3, 5), {"use_causal_mask": True}, 1),
    (keras.layers.MultiHeadAttention(3, 5, output_shape=(2, 3)), {}, 2),
    (layers.MultiHeadAttention(3, 5, sliding_window=2), {"use_causal_mask": True}, 0),
    (layers.MultiHeadAttention(3, 5, use_gate=True), {}, 2),
], ids=["plain", "window", "gate", "causal", "axes", "own window", "own gate"])
def test_every_form_of_attention_is_computed_or_left(layer, call, left):
    """Across two sequences, and within one."""
    x, y = keras.Input((5, 12), name="x"), keras.Input((7, 12), name="y")
    model = fill(keras.Model([x, y], {"to": layer(x, y, **call), "of": layer(x, x, **call)}))
    inputs = draw(model, 2)
    graph = lower(model)
    assert [node.kind for node in graph.nodes].count("call") == left
    expected, actual = model(inputs), graph.run(inputs)
    for name in expected:
        np.testing.assert_allclose(actual[name], expected[name], atol=1e-6)


def test_attention_over_images_is_left():
    x = keras.Input((3, 5, 12), name="x")
    model = keras.Model(x, keras.layers.MultiHeadAttention(3, 5, attention_axes=(1, 2))(x, x))
    assert "another rank than 3" in lower(model).notes[0]


def test_a_block_under_a_mask_of_its_own_is_left():
    x = keras.Input((7, 12), name="x")
    mask = keras.Input((7, 7), dtype="bool", name="allowed")
    block = layers.TransformerEncoderBlock(3, 17, name="block")
    graph = lower(keras.Model([x, mask], block(x, attention_mask=mask)))
    assert graph.notes == ["left as they are, since it is called with attention_mask: block"]
