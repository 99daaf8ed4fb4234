"""`keras_seqattn.edge.fold.first_positions`: how many positions each node computes."""

import keras
from keras_models import draw, fill, vit
from rewrites import EXACT, change

from keras_seqattn import layers
from keras_seqattn.edge.fold import first_positions, fold
from keras_seqattn.edge.lower.trace import lower


def _shapes(graph, inputs):
    shapes = {}
    for node in graph.nodes:
        graph.outputs = {"probe": node.outputs[0]}
        shapes[node.name] = graph.run_all(inputs)["probe"].shape
    return shapes


def test_the_last_block_computes_the_class_token_alone():
    model = fill(vit(pooling="token"))
    shapes = _shapes(fold.fold(lower(model)), draw(model, 1))
    assert shapes["block_1/attention/key"][1] == 7
    assert shapes["block_1/attention/query"][1] == 1
    assert shapes["block_1/feed_forward/hidden"] == (1, 1, 37)
    assert shapes["block_0/feed_forward/hidden"] == (1, 7, 37)


def test_positions_are_cut_with_what_is_added_to_them():
    """A table of positions, and layers between, in front of what reads two tokens."""
    x = keras.Input((7, 5), name="x")
    y = layers.LearnedPositionEmbedding()(keras.layers.Dense(11)(x))
    model = fill(keras.Model(x, layers.FirstTokens(2)(keras.layers.ReLU()(y))))
    difference, graph = change(model, first_positions.keep_first_positions)
    assert difference < EXACT
    assert [node.kind for node in graph.nodes] == ["first", "dense", "shift", "unary"]
    assert {shape[1] for shape in _shapes(graph, draw(model, 1)).values()} == {2}


def test_causal_attention_computes_all_queries():
    """It counts positions from the end, so its first queries are not those of a shorter query."""
    x = keras.Input((7, 12), name="x")
    y = layers.TransformerEncoderBlock(3, 17, name="block")(x, use_causal_mask=True)
    model = fill(keras.Model(x, layers.FirstTokens(1)(y)))
    difference, graph = change(model, first_positions.keep_first_positions)
    assert difference < EXACT
    shapes = _shapes(graph, {"x": draw(model, 1)["x"].astype("float64")})
    assert shapes["block/attention/product"][1] == 7
    assert shapes["block/attention/output"][1] == 1
    assert shapes["block/feed_forward/hidden"][1] == 1


def test_what_makes_the_positions_computes_all_of_them():
    x = keras.Input((7, 5), name="x")
    y = keras.layers.Dense(11)(layers.ClassToken(num_tokens=3)(x))
    model = fill(keras.Model(x, layers.FirstTokens(2)(y)))
    difference, graph = change(model, first_positions.keep_first_positions)
    assert difference < EXACT
    assert [node.kind for node in graph.nodes] == ["prepend", "first", "dense"]
