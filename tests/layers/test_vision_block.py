"""`keras_seqattn.layers.vision_block`."""

import keras
import numpy as np
import pytest
from arrays import array, normal
from tolerances import FLOAT32

from keras_seqattn.layers import (
    GatedFeedForward,
    QueryKeyNormAttention,
    RelativePositionAttention,
    TransformerEncoderBlock,
    VisionEncoderBlock,
)
from keras_seqattn.testing import check_error

PARTS = [{"gated": True, "activation": "silu"}, {"use_qk_norm": True}, {"norm_branches": True},
         {"relative_grid": (2, 3), "layer_scale": 0.5},
         {"gated": True, "use_qk_norm": True, "norm_branches": True, "key_dim": 5}]


@pytest.mark.parametrize("parts", PARTS)
def test_a_saved_block_is_the_same(parts, rng, tmp_path):
    inputs = keras.Input((7, 6))
    block = VisionEncoderBlock(2, 11, **parts)
    model, x = keras.Model(inputs, block(inputs)), normal(rng, 2, 7, 6)
    for weight in model.weights:
        weight.assign(normal(rng, *weight.shape))
    model.save(tmp_path / "block.keras")
    again = keras.models.load_model(tmp_path / "block.keras")
    np.testing.assert_array_equal(array(model(x)), array(again(x)))
    twin = VisionEncoderBlock.from_config(block.get_config())
    assert twin.get_config() == block.get_config()


def test_without_its_parts_it_is_a_plain_block(rng):
    x = normal(rng, 2, 7, 6)
    one, other = VisionEncoderBlock(2, 11), TransformerEncoderBlock(2, 11)
    one.build(x.shape)
    other.build(x.shape)
    other.set_weights(one.get_weights())
    np.testing.assert_array_equal(array(one(x)), array(other(x)))


def test_norms_that_end_the_branches(rng):
    x, block = normal(rng, 2, 7, 6), VisionEncoderBlock(2, 11, norm_branches=True)
    block.build(x.shape)
    middle = x + array(block.attention_norm(block.attention(x, x)))
    expected = middle + array(block.feed_forward_norm(block.feed_forward(middle)))
    np.testing.assert_allclose(array(block(x)), expected, atol=FLOAT32)


def test_its_parts_are_those_that_are_asked_for():
    shape = (None, 7, 6)
    kinds = {"gated": (GatedFeedForward, "feed_forward"),
             "use_qk_norm": (QueryKeyNormAttention, "attention"),
             "relative_grid": (RelativePositionAttention, "attention")}
    for name, (kind, part) in kinds.items():
        block = VisionEncoderBlock(2, 11, **{name: (2, 3) if name == "relative_grid" else True})
        block.build(shape)
        assert isinstance(getattr(block, part), kind)


def test_parts_that_do_not_go_together():
    check_error(lambda: VisionEncoderBlock(2, 11, use_qk_norm=True, relative_grid=(2, 3)),
                use_qk_norm=True, relative_grid=(2, 3))
