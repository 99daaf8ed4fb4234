"""`keras_seqattn.layers.encoder_block`."""

import keras
import numpy as np
import pytest
from arrays import array, normal
from tolerances import FLOAT32

from keras_seqattn import borrowed
from keras_seqattn.layers import TransformerEncoderBlock
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize(("kwargs", "num_weights"), [
    ({"num_heads": 3, "mlp_dim": 7}, 16),
    ({"num_heads": 3, "mlp_dim": 7, "norm": "post", "activation": "relu", "dropout": 0.1,
      "attention_dropout": 0.1, "drop_path": 0.1, "seed": 3}, 16),
    ({"num_heads": 4, "mlp_dim": 7, "key_dim": 5, "num_kv_heads": 2, "use_bias": False,
      "epsilon": 1e-5, "kernel_initializer": "he_normal"}, 10),
])
def test_contract(kwargs, num_weights):
    check_layer(TransformerEncoderBlock, kwargs, (5, 7, 12), (5, 7, 12), num_weights,
                unmoved=("key/bias",))


def _norm(x, epsilon):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_add_and_norm_by_hand(rng, norm):
    """With attention and network replaced by known maps only the residuals and norms are left."""
    block = TransformerEncoderBlock(num_heads=1, mlp_dim=4, norm=norm, epsilon=1e-3,
                                    activation="linear")
    x = normal(rng, 2, 5, 4)
    block(x)
    eye, zero = np.eye(4), np.zeros(4)
    # All queries are zero, so every token reads the plain average of the values.
    block.attention.set_weights([
        np.zeros((4, 1, 4)), np.zeros((1, 4)), eye[:, None], np.zeros((1, 4)), eye[:, None],
        np.zeros((1, 4)), eye[None], zero])
    block.feed_forward.set_weights([3 * eye, zero, eye, zero])

    def read(y):
        return y.mean(axis=1, keepdims=True)

    if norm == "pre":
        y = x + read(_norm(x, 1e-3))
        expected = y + 3 * _norm(y, 1e-3)
    else:
        y = _norm(x + read(x), 1e-3)
        expected = _norm(y + 3 * y, 1e-3)
    np.testing.assert_allclose(array(block(x)), expected, atol=FLOAT32)


def test_rms_norms_by_hand():
    """Branches that give nothing leave the norm behind them: x / √(mean x² + ε) · scale."""
    rng = np.random.default_rng(14)
    block = TransformerEncoderBlock(2, 7, norm="post", normalization="rms", epsilon=0.01)
    x = rng.normal(2.0, size=(2, 5, 6)).astype("float32")
    block.build(x.shape)
    expected, scales = x, rng.normal(size=(2, 6)).astype("float32")
    for weight in block.weights:
        weight.assign(np.zeros(weight.shape))
    for norm, scale in zip((block.attention_norm, block.feed_forward_norm), scales, strict=True):
        norm.scale.assign(scale)
        expected = expected / np.sqrt(np.mean(expected**2, -1, keepdims=True) + 0.01) * scale
    np.testing.assert_allclose(np.asarray(block(x)), expected, atol=1e-5)


def test_without_positions_order_is_invisible(rng):
    block, x, order = TransformerEncoderBlock(3, 7), normal(rng, 2, 5, 12), rng.permutation(5)
    np.testing.assert_allclose(array(block(x[:, order])), array(block(x))[:, order], atol=FLOAT32)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_padding_cannot_change_real_tokens(rng, norm):
    block, x = TransformerEncoderBlock(3, 7, norm=norm), normal(rng, 2, 5, 12)
    mask = np.arange(5)[None] < np.array([[5], [3]])
    output = array(block(x, mask=mask))
    np.testing.assert_allclose(output[1:, :3], array(block(x[1:, :3])), atol=FLOAT32)


def test_causal_never_reads_the_future(rng):
    block, x = TransformerEncoderBlock(3, 7), normal(rng, 2, 5, 12)
    y = x.copy()
    y[:, 3:] += 5.0
    before, after = (array(block(each, use_causal_mask=True)) for each in (x, y))
    np.testing.assert_allclose(before[:, :3], after[:, :3], atol=FLOAT32)


def test_attention_mask_reaches_the_attention(rng):
    block, x = TransformerEncoderBlock(3, 7), normal(rng, 2, 5, 12)
    alone = np.eye(5, dtype=bool)
    output, scores = block(x, attention_mask=alone, return_attention_scores=True)
    np.testing.assert_allclose(array(scores), np.broadcast_to(alone, (2, 3, 5, 5)), atol=FLOAT32)
    np.testing.assert_allclose(array(output)[:, :1], array(block(x[:, :1])), atol=FLOAT32)


def test_scores_do_not_change_the_output(rng):
    block, x = TransformerEncoderBlock(3, 7), normal(rng, 2, 5, 12)
    output, scores = block(x, return_attention_scores=True)
    np.testing.assert_allclose(array(output), array(block(x)), atol=FLOAT32)
    np.testing.assert_allclose(array(scores).sum(-1), np.ones((2, 3, 5)), atol=FLOAT32)


def test_drop_path_skips_whole_examples_and_keeps_the_mean(rng):
    """In training a branch is either skipped or scaled by 1 / (1 - share), example by example."""
    block, x = TransformerEncoderBlock(3, 7, drop_path=0.5, seed=3), normal(rng, 101, 5, 12)
    block(x)
    block.feed_forward.set_weights([0 * w for w in block.feed_forward.get_weights()])
    branch = array(block(x)) - x
    trained = array(block(x, training=True)) - x
    skipped = np.abs(trained).max(axis=(1, 2)) < FLOAT32
    assert 30 < skipped.sum() < 71
    np.testing.assert_allclose(trained[~skipped], 2 * branch[~skipped], atol=FLOAT32)


def test_mask_of_keras_passes_through():
    tokens = np.array([[5, 3, 0, 0], [2, 4, 6, 0]])
    x = keras.layers.Embedding(7, 12, mask_zero=True)(tokens)
    for _ in range(2):
        x = TransformerEncoderBlock(3, 7)(x)
    np.testing.assert_array_equal(array(borrowed.mask_of(x)), tokens != 0)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"num_heads": 0}, {"num_heads": 0}),
    ({"mlp_dim": 0}, {"mlp_dim": 0}),
    ({"norm": "per"}, {"norm": "per"}),
    ({"normalization": "batch"}, {"normalization": "batch"}),
    ({"dropout": 1.0}, {"dropout": 1.0}),
    ({"attention_dropout": -0.5}, {"attention_dropout": -0.5}),
    ({"drop_path": 2}, {"drop_path": 2}),
])
def test_wrong_arguments(kwargs, received):
    check_error(
        lambda: TransformerEncoderBlock(**{"num_heads": 3, "mlp_dim": 7, **kwargs}), **received)


def test_heads_that_do_not_divide():
    check_error(lambda: TransformerEncoderBlock(5, 7)(np.zeros((2, 3, 12), "float32")),
                num_heads=5, embed_dim=12)


def test_an_image_is_no_sequence():
    check_error(lambda: TransformerEncoderBlock(3, 7)(np.zeros((2, 3, 3, 12), "float32")),
                input_shape=(2, 3, 3, 12))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_an_rms_norm_drops_no_mask(norm, rng):
    """Keras' own norm would warn of a mask that it drops. Warnings are errors here."""
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(11, 6, mask_zero=True)(tokens)
    for _ in range(2):
        x = TransformerEncoderBlock(2, 7, norm=norm, normalization="rms")(x)
    model = keras.Model(tokens, x)
    assert borrowed.mask_of(x) is not None
    short, padded = array(model(np.array([[3, 5]]))), array(model(np.array([[3, 5, 0, 0]])))
    np.testing.assert_allclose(padded[:, :2], short, atol=FLOAT32)
