"""`keras_seqattn.layers.attention`: by hand and as laws."""

import numpy as np
import pytest
from arrays import array, assert_close, normal
from keras import ops
from tolerances import BFLOAT16, FLOAT16

from keras_seqattn.layers import ScaledDotProductAttention


def _reference(query, key, value, allowed):
    """Attention in NumPy float64, one query at a time; nothing to read gives zeros."""
    batch, heads, asking, head_dim = query.shape
    output = np.zeros((batch, heads, asking, value.shape[-1]))
    for b, n, t in np.ndindex(batch, heads, asking):
        k = n // (heads // key.shape[1])
        readable = np.flatnonzero(allowed[b, n, t])
        if len(readable):
            logits = key[b, k, readable].astype("float64") @ query[b, n, t] / head_dim ** 0.5
            share = np.exp(logits - logits.max())
            output[b, n, t] = share / share.sum() @ value[b, k, readable]
    return output


def test_one_head_by_hand():
    x = np.array([[[[1.0, 0.0], [0.0, 2.0]]]], "float32")
    logits = x[0, 0] @ x[0, 0].T / np.sqrt(2)
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    assert_close(ScaledDotProductAttention()(x, x)[0, 0], weights @ x[0, 0])


@pytest.mark.parametrize("num_kv_heads", [1, 2, 3, 6])
def test_same_as_a_loop_over_queries(rng, num_kv_heads):
    query, key, value = (normal(rng, 2, heads, length, dim) for heads, length, dim in (
        (6, 5, 7), (num_kv_heads, 11, 7), (num_kv_heads, 11, 7)))
    allowed = rng.random((2, 6, 5, 11)) < 0.5
    allowed[0, :, 3] = False
    expected = _reference(query, key, value, allowed)
    layer = ScaledDotProductAttention()
    assert_close(layer(query, value, key, attention_mask=allowed), expected)
    assert_close(layer(query, value, key, attention_mask=allowed, return_attention_scores=True)[0],
                 expected)


@pytest.mark.parametrize(("dtype", "atol"), [("float16", FLOAT16), ("bfloat16", BFLOAT16)])
@pytest.mark.parametrize("with_scores", [False, True])
def test_low_precision_follows_float32(rng, dtype, atol, with_scores):
    query, value = normal(rng, 2, 4, 5, 7), normal(rng, 2, 2, 11, 7)
    rounded = [array(ops.cast(each, dtype)) for each in (query, value)]
    output = ScaledDotProductAttention(dtype=dtype)(
        query, value, return_attention_scores=with_scores)
    expected = ScaledDotProductAttention()(*rounded)
    assert_close(output[0] if with_scores else output, expected, atol=2 * atol)


@pytest.mark.parametrize("with_scores", [False, True])
def test_float16_softmax_sees_differences_that_float16_cannot(with_scores):
    """Logits near 3,000 are 2 apart in float16; the softmax must not be."""
    query = np.full((1, 1, 1, 4), 54.8, "float16")
    key = np.repeat(query, 3, axis=2)
    key[0, 0, 1, 0] += np.float16(0.0625)
    value = np.eye(3, dtype="float16")[None, None]            # the output is the scores
    output = ScaledDotProductAttention(dtype="float16", scale=0.25)(
        query, value, key, return_attention_scores=with_scores)
    logits = 0.25 * (key.astype("float64") @ query[0, 0, 0].astype("float64"))[0, 0]
    share = np.exp(logits - logits.max())
    assert logits[1] - logits[0] > 0.8
    assert_close((output[0] if with_scores else output)[0, 0, 0], share / share.sum(), atol=FLOAT16)
