"""`keras_seqattn.layers.attention`: by hand, as laws, and one choice of kernel."""

import types

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal
from keras import ops
from tolerances import BFLOAT16, FLOAT16

from keras_seqattn.layers import (
    MultiHeadAttention,
    ScaledDotProductAttention,
    TransformerEncoderBlock,
    attention,
)
from keras_seqattn.testing import check_error

BACKEND = keras.backend.backend()


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


@pytest.mark.skipif(BACKEND == "tensorflow", reason="TensorFlow has no fused kernel")
@pytest.mark.parametrize("num_kv_heads", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("num_keys", [5, 7])
def test_the_fused_kernel_gives_the_plain_numbers(rng, monkeypatch, num_kv_heads, causal, num_keys):
    query, value = normal(rng, 2, 4, 5, 3), normal(rng, 2, num_kv_heads, num_keys, 3)
    mask = rng.random((2, 1, 5, num_keys)) < 0.6
    for allowed in (None, mask):
        fused, _ = attention.attend(query, value, value, allowed, scale=0.4, causal=causal)
        monkeypatch.setattr(attention, "_fused_kernel_serves", lambda *_: False)
        plain, _ = attention.attend(query, value, value, allowed, scale=0.4, causal=causal)
        monkeypatch.undo()
        assert_close(fused, plain)


@pytest.fixture
def splash(monkeypatch):
    """Keras believes in a TPU, whose kernel runs here: the list of the kernels that are built."""
    jax = pytest.importorskip("jax")
    from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel

    built, make = [], splash_attention_kernel.make_splash_mha
    monkeypatch.setattr(jax, "devices", lambda *_, **__: [types.SimpleNamespace(
        platform="tpu", id=0)])
    monkeypatch.setattr(splash_attention_kernel, "make_splash_mha", lambda **options: (
        built.append(options), make(interpret=True, **options))[1])
    return built


def _heads_by_numpy(layer, x, allowed):
    """Self-attention of a `MultiHeadAttention`, whose product is `_reference`."""
    query, key, value = (array(dense(x)).transpose(0, 2, 1, 3) for dense in (
        layer.query_dense, layer.key_dense, layer.value_dense))
    read = _reference(query, key, value, allowed).transpose(0, 2, 1, 3)
    return array(layer.output_dense(read))


@pytest.mark.skipif(BACKEND != "jax", reason="only Keras on JAX has a kernel for TPUs")
@pytest.mark.parametrize("known", ["tpu:0", "cpu:0"])
@pytest.mark.parametrize("length", [128, 256])
@pytest.mark.parametrize(("masked", "causal"), [
    (False, False), (True, False), (False, True), (True, True)])
def test_a_tpu_computes_the_plain_product(rng, monkeypatch, splash, known, length, masked, causal):
    """Keras' kernel for TPUs is causal and unscaled without a mask, and gives all examples one."""
    monkeypatch.setattr(keras.distribution, "list_devices", lambda *_: [known])
    allowed, options = np.ones((2, 2, length, length), bool), {"use_causal_mask": causal}
    if masked:
        allowed &= rng.random((2, 1, 1, length)) < 0.5
        options["attention_mask"] = np.repeat(allowed[:, 0, :1], length, axis=1)
    if causal:
        allowed = np.tril(allowed)

    query, key, value = (normal(rng, 2, 2, length, 64) for _ in range(3))
    assert_close(ScaledDotProductAttention()(query, value, key, **options),
                 _reference(query, key, value, allowed))

    x = normal(rng, 2, length, 11)
    heads = MultiHeadAttention(num_heads=2, key_dim=64)
    assert_close(heads(x, x, **options), _heads_by_numpy(heads, x, allowed))

    block = TransformerEncoderBlock(num_heads=2, mlp_dim=7, key_dim=64)
    output = block(x, **options)
    middle = x + _heads_by_numpy(block.attention, block.attention_norm(x), allowed)
    assert_close(output, middle + array(block.feed_forward(block.feed_forward_norm(middle))))
    assert splash == []


@pytest.mark.skipif(BACKEND != "jax", reason="only Keras on JAX has a kernel for TPUs")
@pytest.mark.parametrize(("device", "expected"), [
    ("tpu:0", False), ("cpu:0", False), ("gpu:0", None)])
def test_keras_picks_a_kernel_on_a_gpu_alone(rng, monkeypatch, device, expected):
    asked, kernel = [], attention.ops.dot_product_attention
    monkeypatch.setattr(keras.distribution, "list_devices", lambda *_: [device])
    monkeypatch.setattr(attention.ops, "dot_product_attention", lambda *arrays, **options: (
        asked.append(options["flash_attention"]), kernel(*arrays, **options))[1])
    x = normal(rng, 2, 3, 5, 7)
    ScaledDotProductAttention()(x, x)
    ScaledDotProductAttention()(x, x, attention_mask=rng.random((2, 5, 5)) < 0.5)
    assert asked == [expected, expected]


@pytest.mark.skipif(BACKEND != "jax", reason="only Keras on JAX has a kernel for TPUs")
@pytest.mark.parametrize("device", ["tpu:0", "cpu:0"])
def test_no_flash_kernel_without_a_gpu(monkeypatch, device):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda *_: [device])
    x = np.ones((2, 3, 5, 7), "float32")
    layer = ScaledDotProductAttention(flash_attention=True)
    check_error(lambda: layer(x, x), flash_attention=True, devices=[device])
