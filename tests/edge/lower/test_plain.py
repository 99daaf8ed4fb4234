"""`keras_seqattn.edge.lower.plain`: layers of features in all their forms."""

import keras
import numpy as np
import pytest
from keras_models import draw, fill

from keras_seqattn import layers
from keras_seqattn.edge.graph.graph import Graph
from keras_seqattn.edge.lower.lowering import Lowering
from keras_seqattn.edge.lower.plain import dense
from keras_seqattn.edge.lower.trace import lower


@pytest.mark.parametrize(("layer", "kinds"), [
    (keras.layers.Dense(5, activation="gelu"), ["dense"]),
    (keras.layers.Dense(5, use_bias=False), ["dense"]),
    (keras.layers.LayerNormalization(), ["norm"]),
    (keras.layers.LayerNormalization(axis=2, center=False), ["norm"]),
    (keras.layers.RMSNormalization(), ["norm"]),
    (keras.layers.Dropout(0.5), []),
    (keras.layers.Identity(), []),
    (keras.layers.Rescaling(0.3, 0.7), ["scale"]),
    (keras.layers.Rescaling([0.3, 0.5, 0.7, 1.1, 1.3]), ["scale"]),
    (keras.layers.Flatten(), ["reshape"]),
], ids=lambda each: each[0] if isinstance(each, list) and each else None)
def test_every_form_is_computed(layer, kinds):
    x = keras.Input((7, 5), name="x")
    model = fill(keras.Model(x, layer(x)))
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == kinds
    assert graph.notes == []
    inputs = draw(model, 2)
    np.testing.assert_allclose(
        next(iter(graph.run_all(inputs).values())), model(inputs["x"]), atol=1e-6)


def test_a_norm_over_several_axes_is_opened():
    x = keras.Input((7, 5), name="x")
    model = fill(keras.Model(x, keras.layers.LayerNormalization(axis=(1, 2))(x)))
    graph = lower(model)
    assert not {"norm", "call"} & {node.kind for node in graph.nodes}
    inputs = draw(model, 2)
    np.testing.assert_allclose(
        next(iter(graph.run_all(inputs).values())), model(inputs["x"]), atol=1e-6)


def test_one_token_is_flattened():
    x = keras.Input((1, 5), name="x")
    graph = lower(keras.Model(x, keras.layers.Flatten()(x)))
    assert [node.kind for node in graph.nodes] == ["flatten"]


def test_sums_of_equal_shapes_are_added_in_pairs():
    x, y = keras.Input((7, 5), name="x"), keras.Input((7, 1), name="y")
    model = keras.Model([x, y], {"same": keras.layers.Add()([x, x, x]), "spread": x + y})
    graph = lower(model)
    assert sorted(node.kind for node in graph.nodes) == ["add", "add", "binary"]
    inputs = draw(model, 2)
    actual = graph.run_all(inputs)
    np.testing.assert_allclose(actual["same"], 3 * inputs["x"], atol=1e-6)
    np.testing.assert_allclose(actual["spread"], inputs["x"] + inputs["y"], atol=1e-6)


def test_a_layer_scale_behind_a_dense_layer_becomes_part_of_it(rng):
    layer, scale = keras.layers.Dense(5), layers.LayerScale(0.3)
    for each, width in ((layer, 3), (scale, 5)):
        each.build((None, width))
        each.set_weights([rng.normal(size=w.shape) for w in each.weights])
    graph = Graph()
    lowering = Lowering(graph, "float64", fuse=True)
    graph.inputs["x"] = lowering.input(keras.KerasTensor((1, 3), "float64"))
    graph.outputs["y"] = dense(lowering, layer, graph.inputs["x"], "d", scale=scale)
    assert [node.kind for node in graph.nodes] == ["dense"]
    x = rng.normal(size=(7, 3)).astype("float32")
    np.testing.assert_allclose(graph.run_all({"x": x.astype("float64")})["y"], scale(layer(x)),
                               atol=1e-6)
