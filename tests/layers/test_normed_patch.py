"""`keras_seqattn.layers.normed_patch`."""

import numpy as np
import pytest
from arrays import array, normal
from tolerances import FLOAT32

from keras_seqattn.layers import NormedPatchEmbedding
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize("kwargs", [
    {"patch_size": 2, "embed_dim": 7}, {"patch_size": 4, "embed_dim": 5, "epsilon": 1e-3}])
def test_contract(kwargs):
    tokens = 8 * 12 // kwargs["patch_size"] ** 2
    check_layer(NormedPatchEmbedding, kwargs, (2, 8, 12, 3), (2, tokens, kwargs["embed_dim"]), 6,
                keeps_mask=False)


def _norm(x, norm):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + norm.epsilon)
    return x * array(norm.gamma) + array(norm.beta)


def test_patches_by_hand(rng):
    x, layer = normal(rng, 2, 4, 6, 3), NormedPatchEmbedding(2, 5, epsilon=1e-3)
    layer.build(x.shape)
    for weight in layer.weights:
        weight.assign(normal(rng, *weight.shape))
    made = array(layer(x)).reshape(2, 2, 3, 5)
    for row in range(2):
        for column in range(3):
            pixels = x[:, 2 * row:2 * row + 2, 2 * column:2 * column + 2].reshape(2, -1)
            token = _norm(pixels, layer.pixel_norm) @ array(layer.projection.kernel)
            token = _norm(token + array(layer.projection.bias), layer.token_norm)
            np.testing.assert_allclose(made[:, row, column], token, atol=FLOAT32)


def test_sides_that_the_patches_do_not_divide(rng):
    check_error(lambda: NormedPatchEmbedding(4, 5)(normal(rng, 2, 8, 10, 3)), width=10)
