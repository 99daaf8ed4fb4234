"""`keras_seqattn.edge.fold.streams`: which streams are changed, and what is said of the others."""

import keras
import numpy as np
import pytest
from keras_models import MODELS, fill, vit
from rewrites import EXACT, change, named

from keras_seqattn import layers
from keras_seqattn.edge.fold import fold, streams
from keras_seqattn.edge.lower.trace import lower


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


def test_a_layer_norm_beside_rms_norms_is_left_alone():
    _, graph = change(fill(MODELS["rms"]()), lambda graph: fold.fold(graph, rotate=True))
    assert not graph.nodes[-2].settings["centred"]
    assert any("an RMSNorm reads its stream" in note for note in graph.notes)
    assert not any("rotated" in note for note in graph.notes)


def test_what_is_written_into_a_centred_stream_has_no_mean():
    graph = lower(fill(vit(pooling="mean")), dtype="float64")
    streams.centre_streams(graph)
    for name in ("patches", "position", "block_0/attention/output", "block_1/feed_forward/output"):
        for node in (node for node in graph.nodes if node.name.startswith(name)):
            for array in node.weights.values():
                np.testing.assert_allclose(array.mean(axis=-1), 0, atol=1e-15)
    assert graph.notes == ["5 LayerNorms became RMSNorms"]


def test_scale_and_offset_move_into_the_dense_layers_behind():
    graph = lower(fill(vit(pooling="mean")), dtype="float64")
    norm, hidden = (named(graph, f"block_1/feed_forward{end}") for end in ("_norm", "/hidden"))
    scale, offset = norm.weights["scale"], norm.weights["offset"]
    kernel, bias = hidden.weights["kernel"], hidden.weights["bias"]
    streams.absorb_norms(graph)
    assert norm.weights == {}
    np.testing.assert_allclose(hidden.weights["kernel"], np.diag(scale) @ kernel)
    np.testing.assert_allclose(hidden.weights["bias"], offset @ kernel + bias)


@pytest.mark.parametrize("normalization", ["layer", "rms"])
def test_a_stream_is_rotated_whatever_its_norms_were(normalization):
    x = keras.Input((7, 11), name="x")
    y = layers.TransformerEncoderBlock(3, 17, normalization=normalization)(
        keras.layers.Dense(12, name="write")(x))
    last = {"layer": keras.layers.LayerNormalization, "rms": keras.layers.RMSNormalization}
    model = fill(keras.Model(x, keras.layers.Dense(3)(last[normalization]()(y))))
    difference, graph = change(model, lambda graph: fold.fold(graph, rotate=True))
    assert difference < EXACT
    assert "the stream of write was rotated" in graph.notes
    kernel = named(graph, "write").weights["kernel"]
    assert np.abs(kernel - named(fold.fold(lower(model)), "write").weights["kernel"]).max() > 0.1
