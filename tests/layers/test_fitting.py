"""`keras_seqattn.layers.fitting`, and that every layer is held to it in each call."""

import json

import keras
import numpy as np
import pytest
from arrays import normal

from keras_seqattn import layers
from keras_seqattn.layers.fitting import broadcasts, check_mask, check_scores_shape, fits
from keras_seqattn.layers.patch import Stem
from keras_seqattn.testing import check_error

SEQUENCE, IMAGE = (2, 5, 6), (2, 8, 16, 3)
# Each public layer with weights or masks: its arguments as NumPy's numbers, and a shape it takes.
NUMPY = {
    "AttentionPooling": ({"num_heads": np.int64(2), "mlp_dim": np.int32(7)}, SEQUENCE),
    "ClassToken": ({"num_tokens": np.int64(3)}, SEQUENCE),
    "ConvStem": ({"patch_size": np.int64(4), "embed_dim": np.int64(6)}, IMAGE),
    "FeedForward": ({"mlp_dim": np.int64(7), "dropout": np.float32(0.5)}, SEQUENCE),
    "FirstTokens": ({"num_tokens": np.int64(2)}, SEQUENCE),
    "LayerScale": ({"initial": np.float32(0.5)}, SEQUENCE),
    "LearnedPositionEmbedding": ({"max_length": np.int64(7)}, SEQUENCE),
    "LocalityEncoderBlock": ({"num_heads": np.int64(2), "mlp_dim": np.int64(7)}, SEQUENCE),
    "PatchEmbedding": ({"patch_size": np.int64(4), "embed_dim": np.int64(6)}, IMAGE),
    "PositionalEncoding": ({"max_length": np.int64(7)}, SEQUENCE),
    "PreActivationBottleneck": (
        {"filters": np.int64(8), "num_groups": np.int64(1)}, IMAGE),
    "ResidualStem": ({"patch_size": np.int64(4), "embed_dim": np.int64(6),
                      "num_layers": np.array([1]), "width": np.int64(4),
                      "num_groups": np.int64(2)}, IMAGE),
    "ShiftedPatchEmbedding": ({"patch_size": np.int64(4), "embed_dim": np.int64(6)}, IMAGE),
    "StandardizedConv2D": ({"filters": np.int64(5), "kernel_size": np.int64(3)}, IMAGE),
    "TemporalConvBlock": ({"filters": np.int64(4), "dilation_rate": np.int64(2)}, SEQUENCE),
    "TemporalConvNet": (
        {"filters": np.int64(4), "dilation_rates": np.array([1, 2]), "seed": np.int64(3)},
        SEQUENCE),
    "TransformerDecoderBlock": ({"num_heads": np.int64(2), "mlp_dim": np.int64(7)}, SEQUENCE),
    "TransformerEncoderBlock": (
        {"num_heads": np.int64(2), "mlp_dim": np.int64(7), "dropout": np.float32(0.25),
         "key_dim": np.int64(3), "num_kv_heads": np.int64(1), "epsilon": np.float64(1e-5)},
        SEQUENCE),
}
WITHOUT_WEIGHTS_OF_A_WIDTH = {"FirstTokens"}
MASKED = ["AttentionPooling", "ClassToken", "LocalityEncoderBlock", "TemporalConvBlock",
          "TemporalConvNet", "TransformerEncoderBlock"]


@pytest.mark.parametrize("name", NUMPY)
def test_numbers_of_numpy_are_taken_and_saved_as_plain_ones(name, rng):
    arguments, shape = NUMPY[name]
    layer = getattr(layers, name)(**arguments)
    layer(normal(rng, *shape))
    config = layer.get_config()
    again = json.loads(json.dumps({field: config[field] for field in arguments}))
    assert {field: np.asarray(value).tolist() for field, value in arguments.items()} == again


@pytest.mark.parametrize("name", sorted(NUMPY.keys() - WITHOUT_WEIGHTS_OF_A_WIDTH))
def test_another_width_or_rank_at_a_second_call(name, rng):
    arguments, shape = NUMPY[name]
    layer = getattr(layers, name)(**arguments)
    layer(normal(rng, *shape))
    argument = "images" if isinstance(layer, Stem) else "inputs"
    for other in ((*shape[:-1], 2 * shape[-1]), (*shape, 1)):
        check_error(lambda other=other: layer(normal(rng, *other)),
                    **{f"{argument}_shape": other})


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("length", [1, 4, 6])
def test_a_mask_of_another_length(name, length, rng):
    arguments, shape = NUMPY[name]
    layer, x = getattr(layers, name)(**arguments), normal(rng, *shape)
    layer(x)
    check_error(lambda: layer(x, mask=np.ones((2, length), bool)))


@pytest.mark.parametrize("layer", [layers.LastStep, layers.MaskedAverage])
def test_a_mask_of_another_length_where_there_are_no_weights(layer, rng):
    check_error(lambda: layer()(normal(rng, *SEQUENCE), mask=np.ones((2, 1), bool)),
                mask_shape=(2, 1))


@pytest.mark.parametrize("mask", [np.ones((2, 5), bool), np.ones((1, 5), bool), np.ones((2, 5))])
def test_masks_that_fit(mask):
    check_mask((2, 5, 3), mask=keras.ops.convert_to_tensor(mask))


@pytest.mark.parametrize("shape", [(5,), (2, 1), (3, 5), (5, 2), (2, 5, 3)])
def test_masks_that_do_not_fit(shape):
    check_error(lambda: check_mask((2, 5, 3), mask=np.ones(shape, bool)), mask_shape=shape)


@pytest.mark.parametrize(
    "shape", [(5, 7), (1, 7), (2, 5, 7), (2, 1, 7), (2, 3, 5, 7), (1, 1, 5, 7)])
def test_masks_of_scores_that_fit(shape):
    check_scores_shape((2, 3, 5, 7), attention_mask=np.ones(shape, bool))


@pytest.mark.parametrize("shape", [(7,), (5, 6), (3, 5, 7), (2, 2, 5, 7), (1, 2, 3, 5, 7)])
def test_masks_of_scores_that_do_not_fit(shape):
    check_error(lambda: check_scores_shape((2, 3, 5, 7), attention_mask=np.ones(shape, bool)),
                attention_mask_shape=shape)


def test_unknown_sizes_fit_and_only_one_broadcasts():
    assert fits((None, 5), (2, None))
    assert not fits((1, 5), (2, 5))
    assert broadcasts((1, None), (2, 5))
    assert not broadcasts((2, 5), (1, 5))
