"""`keras_seqattn.edge.lower.tokens`: positions, pooling and cropping in all their forms."""

import keras
import numpy as np
import pytest
from keras_models import draw, fill

from keras_seqattn import layers
from keras_seqattn.edge.lower.trace import lower


@pytest.mark.parametrize(("layer", "kind"), [
    (keras.layers.Cropping1D((2, 0)), "rest"),
    (keras.layers.Cropping1D((0, 3)), "first"),
    (keras.layers.Cropping1D((1, 2)), "slice"),
    (keras.layers.GlobalAveragePooling1D(), "mean"),
    (keras.layers.GlobalAveragePooling1D(keepdims=True), "reduce"),
    (keras.layers.GlobalAveragePooling1D(data_format="channels_first"), "reduce"),
    (layers.FirstTokens(3), "first"),
    (layers.ClassToken(), "prepend"),
    (layers.PositionalEncoding(), "shift"),
    (layers.LearnedPositionEmbedding(max_length=11), "shift"),
], ids=lambda each: each if isinstance(each, str) else None)
def test_every_form_is_computed(layer, kind):
    x = keras.Input((7, 12), name="x")
    model = fill(keras.Model(x, layer(x)))
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == [kind]
    assert graph.notes == []
    inputs = draw(model, 2)
    np.testing.assert_allclose(
        next(iter(graph.run_all(inputs).values())), model(inputs["x"]), atol=1e-6)


@pytest.mark.parametrize("layer", [
    layers.PositionalEncoding(name="p"), layers.LearnedPositionEmbedding(max_length=11, name="p")])
def test_positions_that_start_elsewhere_are_a_sum_with_their_rows(layer):
    x = keras.Input((7, 12), name="x")
    model = fill(keras.Model(x, layer(x, start=2)))
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == ["constant", "binary"]
    assert graph.nodes[0].weights["value"].shape[-2:] == (7, 12)
    inputs = draw(model, 2)
    np.testing.assert_allclose(
        next(iter(graph.run_all(inputs).values())), model(inputs["x"]), atol=1e-6)


@pytest.mark.parametrize("stem", [
    layers.PatchEmbedding(4, 7), layers.ConvStem(4, 6),
    layers.ResidualStem(8, 7, num_layers=(1, 1), width=6, num_groups=3)], ids=str)
def test_a_stem_becomes_convolutions_and_tokens(stem):
    x = keras.Input((8, 16, 3), name="x")
    model = fill(keras.Model(x, stem(x)))
    graph = lower(model)
    assert graph.notes == []
    assert graph.nodes[-1].kind == "tokens"
    assert graph.nodes[-1].settings["grid"] == [8 // stem.patch_size, 16 // stem.patch_size]
    inputs = draw(model, 2)
    np.testing.assert_allclose(
        next(iter(graph.run_all(inputs).values())), model(inputs["x"]), atol=1e-5)
