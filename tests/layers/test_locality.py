"""`keras_seqattn.layers.locality`."""

import numpy as np
import pytest
from arrays import array, normal
from tolerances import FLOAT32

from keras_seqattn.layers import (
    LocalityAttention,
    LocalityEncoderBlock,
    MultiHeadAttention,
    ShiftedPatchEmbedding,
)
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize("kwargs", [
    {"patch_size": 2, "embed_dim": 7}, {"patch_size": 4, "embed_dim": 6, "epsilon": 1e-3}])
def test_shifted_contract(kwargs):
    tokens = 8 * 12 // kwargs["patch_size"] ** 2
    check_layer(ShiftedPatchEmbedding, kwargs, (2, 8, 12, 5), (2, tokens, kwargs["embed_dim"]), 4,
                keeps_mask=False)


def test_block_contract():
    check_layer(LocalityEncoderBlock, {"num_heads": 2, "mlp_dim": 7}, (2, 5, 6), (2, 5, 6), 17,
                unmoved=("attention/key/bias",))


def test_a_token_sees_half_a_patch_around_its_own(rng):
    layer, x = ShiftedPatchEmbedding(patch_size=4, embed_dim=7), np.zeros((1, 16, 16, 1), "float32")
    x = x + rng.normal(size=x.shape).astype("float32")
    before = array(layer(x))[0].reshape(4, 4, 7)
    for place, sees in (((5, 2), True), ((2, 6), True), ((1, 6), False), ((9, 9), True),
                        ((10, 10), False)):
        other = x.copy()
        other[0, place[0], place[1]] += 1
        changed = np.abs(array(layer(other))[0].reshape(4, 4, 7) - before).max(axis=-1)
        assert (changed[1, 1] > 1e-4) == sees


def test_shifted_by_hand(rng):
    """Each patch beside the four that lie half a patch away, normalised and mapped, by loops."""
    layer, x = ShiftedPatchEmbedding(patch_size=2, embed_dim=3), normal(rng, 1, 4, 6, 2)
    made = array(layer(x)).reshape(2, 3, 3)
    room = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))[0]
    for row in range(2):
        for column in range(3):
            y, z = 2 * row, 2 * column
            pieces = [room[y + a:y + a + 2, z + b:z + b + 2]
                      for a, b in ((1, 1), (0, 0), (0, 2), (2, 0), (2, 2))]
            pixels = np.concatenate(pieces, axis=-1).ravel()
            pixels = (pixels - pixels.mean()) / np.sqrt(pixels.var() + 1e-6)
            np.testing.assert_allclose(
                made[row, column], pixels @ array(layer.projection.kernel), atol=FLOAT32)


def test_no_position_reads_itself(rng):
    x, layer = rng.normal(size=(2, 5, 6)).astype("float32"), LocalityAttention(3, 2)
    _, scores = layer(x, x, return_attention_scores=True)
    np.testing.assert_array_equal(np.diagonal(array(scores), axis1=2, axis2=3), 0)
    np.testing.assert_allclose(array(scores).sum(axis=-1), 1, atol=FLOAT32)


def test_the_temperature_divides_the_logits(rng):
    """Halving it is what doubling the query does; at first it is the usual scale."""
    x = rng.normal(size=(2, 5, 6)).astype("float32")
    usual, layer = MultiHeadAttention(3, 2), LocalityAttention(3, 2)
    usual(x, x), layer(x, x)
    weights = usual.get_weights()
    layer.set_weights([np.sqrt(2), *weights])
    others = ~np.eye(5, dtype="bool")
    np.testing.assert_allclose(
        array(layer(x, x)), array(usual(x, x, attention_mask=others)), atol=FLOAT32)
    layer.temperature.assign(np.sqrt(2) / 2)
    usual.set_weights([2 * weights[0], 2 * weights[1], *weights[2:]])
    np.testing.assert_allclose(
        array(layer(x, x)), array(usual(x, x, attention_mask=others)), atol=FLOAT32)


def test_images_that_do_not_fit():
    check_error(lambda: ShiftedPatchEmbedding(4, 6)(np.zeros((2, 7, 8, 3), "float32")),
                patch_size=4, height=7)
    check_error(lambda: ShiftedPatchEmbedding(0, 6), patch_size=0)
