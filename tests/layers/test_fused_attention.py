"""`keras_seqattn.layers.fused_attention`: one choice of kernel, and its numbers on every device."""

import types

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal
from tolerances import GOLDEN

from keras_seqattn import models
from keras_seqattn.kernels.target import compiled_for
from keras_seqattn.layers import (
    RelativePositionAttention,
    ScaledDotProductAttention,
    TransformerEncoderBlock,
    fused_attention,
)
from keras_seqattn.layers.attention import attend
from keras_seqattn.testing import check_error

BACKEND = keras.backend.backend()
on_jax = pytest.mark.skipif(BACKEND != "jax", reason="only JAX has kernels for TPUs")


@pytest.mark.skipif(BACKEND == "tensorflow", reason="TensorFlow has no fused kernel")
@pytest.mark.parametrize("num_kv_heads", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("num_keys", [5, 7])
def test_the_fused_kernel_gives_the_plain_numbers(rng, num_kv_heads, causal, num_keys):
    query, value = normal(rng, 2, 4, 5, 3), normal(rng, 2, num_kv_heads, num_keys, 3)
    mask = rng.random((2, 1, 5, num_keys)) < 0.6
    assert fused_attention.fused_kernel(query, value, value) is not None
    for allowed in (None, mask):
        fused, plain = (attend(query, value, value, allowed, scale=0.4, causal=causal,
                               return_attention_scores=scores)[0] for scores in (False, True))
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


def _plain_heads(layer, x, allowed, causal):
    """Self-attention of a `MultiHeadAttention`, whose product is the plain one."""
    query, key, value = (np.transpose(array(dense(x)), (0, 2, 1, 3)) for dense in (
        layer.query_dense, layer.key_dense, layer.value_dense))
    read, _ = attend(query, key, value, allowed, scale=layer.key_dim ** -0.5, causal=causal,
                     return_attention_scores=True)
    return array(layer.output_dense(np.transpose(array(read), (0, 2, 1, 3))))


@on_jax
@pytest.mark.parametrize("known", ["tpu:0", "cpu:0"])
@pytest.mark.parametrize(("length", "masked", "causal"), [
    (128, False, False), (128, True, True), (197, False, False), (256, True, False),
    (256, False, True)])
def test_a_tpu_computes_the_plain_product(rng, monkeypatch, caplog, interpreted, splash, known,
                                          length, masked, causal):
    """Keras' kernel for TPUs is causal and unscaled without a mask, and gives all examples one.

    For 197 positions, which it does not take, it would leave a traceback in the log.
    """
    monkeypatch.setattr(keras.distribution, "list_devices", lambda *_: [known])
    allowed, options = None, {"use_causal_mask": causal}
    if masked:
        allowed = rng.random((2, 1, 1, length)) < 0.5
        options["attention_mask"] = np.repeat(allowed[:, 0], length, axis=1)

    query, key, value = (normal(rng, 2, 2, length, 64) for _ in range(3))
    plain, _ = attend(query, key, value, allowed, scale=1 / 8, causal=causal,
                      return_attention_scores=True)
    assert_close(ScaledDotProductAttention()(query, value, key, **options), plain)

    x = normal(rng, 2, length, 11)
    block = TransformerEncoderBlock(num_heads=2, mlp_dim=7, key_dim=64)
    output = block(x, **options)
    middle = x + _plain_heads(block.attention, block.attention_norm(x), allowed, causal)
    assert_close(output, middle + array(block.feed_forward(block.feed_forward_norm(middle))))
    assert (splash, caplog.records) == ([], [])
    assert bool(interpreted) == known.startswith("tpu")


MODELS = {
    "vit": lambda: models.vit("nano", 16, (256, 256, 3), 5, pooling="mean", num_layers=1,
                              num_heads=2, embed_dim=24, mlp_dim=7),
    "image_gpt": lambda: models.image_gpt("nano", 11, max_length=128, num_layers=1, num_heads=2,
                                          embed_dim=24)}


@on_jax
@pytest.mark.parametrize("name", MODELS)
def test_a_model_for_a_tpu_has_the_numbers_of_a_cpu(rng, interpreted, splash, name):
    """Of 256 and 128 tokens, which the kernel of Keras takes, without a mask from outside."""
    model = MODELS[name]()
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.2, size=weight.shape))
    inputs = {"vit": rng.random((2, 256, 256, 3)),
              "image_gpt": {"tokens": rng.integers(0, 11, (2, 128))}}[name]
    with compiled_for("cpu"):
        expected = model(inputs)
    assert interpreted == []
    with compiled_for("tpu"):
        assert_close(model(inputs), expected, atol=GOLDEN)
    assert (interpreted, splash) == (["_forward_step"], [])


@on_jax
@pytest.mark.parametrize(("device", "expected"), [
    ("tpu", [False] * 2), ("cpu", [False] * 2), ("gpu", [None] * 2)])
def test_keras_picks_a_kernel_on_a_gpu_alone(rng, monkeypatch, device, expected):
    asked, kernel = [], keras.ops.dot_product_attention
    monkeypatch.setattr(
        fused_attention.ops, "dot_product_attention", lambda *arrays, **options: (
            asked.append(options["flash_attention"]), kernel(*arrays, **options))[1])
    x = normal(rng, 2, 3, 5, 7)
    with compiled_for(device):
        ScaledDotProductAttention()(x, x)
        ScaledDotProductAttention()(x, x, attention_mask=rng.random((2, 5, 5)) < 0.5)
    assert asked == expected


@on_jax
@pytest.mark.parametrize(("length", "dtype", "wanted", "options", "expected"), [
    (67, "float32", None, {}, ["_forward_step"]),
    (67, "bfloat16", None, {"use_causal_mask": True}, ["_forward_step"]),
    (13, "float32", None, {}, []),                            # short
    (13, "float32", True, {}, ["_forward_step"]),
    (67, "float32", False, {}, []),
    (67, "float32", None, {"return_attention_scores": True}, []),
    (67, "float32", None, {"training": True}, []),            # its dropout acts
    (67, "float16", None, {}, [])])
def test_what_a_tpu_computes_by_the_kernel(rng, interpreted, length, dtype, wanted, options,
                                           expected):
    x = normal(rng, 1, 1, length, 3)
    dropout = 0.5 if "training" in options else 0.0
    layer = ScaledDotProductAttention(dropout=dropout, flash_attention=wanted, dtype=dtype)
    with compiled_for("tpu"):
        layer(x, x, **options)
    assert interpreted == expected


@on_jax
def test_a_bias_is_the_plain_products(rng, interpreted):
    x = normal(rng, 1, 82, 6)
    layer = RelativePositionAttention(2, 3, grid=(9, 9))
    with compiled_for("tpu"):
        found = layer(x, x)
    assert interpreted == []
    assert_close(found, layer(x, x))


@on_jax
def test_a_batch_that_devices_do_not_share_is_the_plain_products(rng, interpreted):
    x = normal(rng, 3, 1, 67, 5)
    mesh = types.SimpleNamespace(shape={"batch": 2})
    with compiled_for("tpu", mesh):
        attend(x, x, x, scale=1.0)
        check_error(lambda: attend(x, x, x, scale=1.0, flash_attention=True),
                    flash_attention=True, device="tpu", query_shape=(3, 1, 67, 5))
    assert interpreted == []


@on_jax
def test_symbolic_heads_are_not_read_by_a_kernel():
    """An export asks what a layer would do, and has no arrays."""
    heads = keras.KerasTensor((2, 3, 67, 5))
    with compiled_for("tpu"):
        assert attend(heads, heads, heads, scale=1.0)[0].shape == (2, 3, 67, 5)


@on_jax
def test_no_flash_kernel_for_a_cpu():
    x = np.ones((2, 3, 5, 7), "float32")
    layer = ScaledDotProductAttention(flash_attention=True)
    with compiled_for("cpu"):
        check_error(lambda: layer(x, x), flash_attention=True, device="cpu")


@pytest.mark.skipif(BACKEND == "jax", reason="JAX has kernels for some kinds")
def test_other_backends_are_not_asked_for_their_devices():
    assert fused_attention.device_kind() is None
