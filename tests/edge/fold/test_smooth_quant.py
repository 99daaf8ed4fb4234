"""`keras_seqattn.edge.fold.smooth_quant`: features as wide as what reads them."""

import keras
import numpy as np
from keras_models import draw, fill, vit
from rewrites import named, ranges_of

from keras_seqattn.edge.fold import fold, smooth_quant
from keras_seqattn.edge.lower.trace import lower


def test_ranges_even_out_what_enters_a_dense_layer():
    """SmoothQuant by hand: features as wide as their rows are, in the same ratio everywhere."""
    graph = lower(fill(vit(pooling="mean")))
    ranges = ranges_of(graph)
    smooth_quant.balance_norms(fold.fold(graph), ranges)
    norm, hidden = (named(graph, f"block_1/feed_forward{end}") for end in ("_norm", "/hidden"))
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
