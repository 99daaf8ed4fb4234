"""`keras_seqattn.edge.fold.attention`: what the dense layers of attention hold afterwards."""

import numpy as np
import pytest
from keras_models import MODELS, fill
from rewrites import named

from keras_seqattn.edge.fold import attention
from keras_seqattn.edge.lower.trace import lower


@pytest.fixture
def graph():
    """Two causal blocks of four query heads over two key/value heads of size 5."""
    return lower(fill(MODELS["grouped"]()), dtype="float64")


def _parts(graph, *labels):
    product = next(node for node in graph.nodes if node.kind == "attention")
    prefix = product.name.removesuffix("product")
    return product, *(named(graph, prefix + label) for label in labels)


def test_the_query_carries_the_scale(graph):
    product, query = _parts(graph, "query")
    kernel, bias = query.weights["kernel"], query.weights["bias"]
    attention.absorb_query_scales(graph)
    assert product.settings["scale"] == 1
    np.testing.assert_allclose(query.weights["kernel"], kernel / np.sqrt(5))
    np.testing.assert_allclose(query.weights["bias"], bias / np.sqrt(5))


def test_the_output_carries_the_bias_of_the_value(graph):
    """Query heads 0 and 1 read the first key/value head, 2 and 3 the second."""
    _, value, out = _parts(graph, "value", "output")
    (first, second), kernel = np.split(value.weights["bias"], 2), out.weights["kernel"]
    expected = np.concatenate([first, first, second, second]) @ kernel + out.weights["bias"]
    attention.absorb_value_biases(graph)
    assert "bias" not in value.weights
    np.testing.assert_allclose(out.weights["bias"], expected)


def test_keys_have_no_bias(graph):
    attention.drop_key_biases(graph)
    _, key, query = _parts(graph, "key", "query")
    assert (list(key.weights), list(query.weights)) == (["kernel"], ["kernel", "bias"])


def test_channels_that_meet_are_of_one_extent(graph):
    """The ratio of both sides is the same for every channel, for they are scaled together."""
    attention.balance_attention(graph)
    _, query, key, value, out = _parts(graph, "query", "key", "value", "output")

    def deviation(node):
        return np.sqrt(sum(np.square(array).reshape(-1, array.shape[-1]).sum(0)
                           for array in node.weights.values()))

    def shared(channels):
        return channels.reshape(2, 2, 5).max(axis=1).reshape(-1)

    ratios = shared(deviation(query)) / deviation(key)
    np.testing.assert_allclose(ratios, np.full(10, ratios[0]))
    ratios = shared(np.abs(out.weights["kernel"]).max(axis=1)) / deviation(value)
    np.testing.assert_allclose(ratios, np.full(10, ratios[0]))
