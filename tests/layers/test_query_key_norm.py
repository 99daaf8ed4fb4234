"""`keras_seqattn.layers.query_key_norm`."""

import numpy as np
from arrays import array, normal
from tolerances import FLOAT32

from keras_seqattn.layers import QueryKeyNormAttention


def _norm(x, norm):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + norm.epsilon)
    return x * array(norm.gamma) + array(norm.beta)


def test_norms_of_queries_and_keys_by_hand(rng):
    x, layer = normal(rng, 2, 7, 5), QueryKeyNormAttention(num_heads=2, key_dim=3, epsilon=1e-3)
    layer.build(x.shape, x.shape)
    for weight in layer.weights:
        weight.assign(normal(rng, *weight.shape))
    query, key, value = (np.einsum("btd,dnh->bnth", x, array(dense.kernel))
                         + array(dense.bias)[:, None]
                         for dense in (layer.query_dense, layer.key_dense, layer.value_dense))
    logits = _norm(query, layer.query_norm) @ _norm(key, layer.key_norm).swapaxes(2, 3) / 3 ** 0.5
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    expected = np.einsum("bnth,nhd->btd", shares @ value, array(layer.output_dense.kernel))
    made, scores = layer(x, x, return_attention_scores=True)
    np.testing.assert_allclose(array(scores), shares, atol=FLOAT32)
    np.testing.assert_allclose(
        array(made), expected + array(layer.output_dense.bias), atol=FLOAT32)


def test_larger_queries_change_nothing(rng):
    """A norm without an epsilon that counts takes the size of what it reads away."""
    x, layer = normal(rng, 2, 7, 5), QueryKeyNormAttention(2, 3, use_bias=False, epsilon=1e-9)
    before = array(layer(x, x))
    layer.query_dense.kernel.assign(layer.query_dense.kernel * 100.0)
    np.testing.assert_allclose(array(layer(x, x)), before, atol=FLOAT32)


def test_its_config_builds_the_same():
    layer = QueryKeyNormAttention(2, 3, dropout=0.5, epsilon=1e-3)
    assert QueryKeyNormAttention.from_config(layer.get_config()).get_config() == layer.get_config()
    assert layer.get_config()["epsilon"] == 1e-3
