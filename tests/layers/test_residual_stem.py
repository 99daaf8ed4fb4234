"""`keras_seqattn.layers.residual_stem`."""

import numpy as np
import pytest

from keras_seqattn import layers, models
from keras_seqattn.layers import ResidualStem
from keras_seqattn.testing import check_error, check_layer

SMALL = {"width": 6, "num_groups": 2}


@pytest.mark.parametrize(("kwargs", "tokens", "num_weights"), [
    # a root, ten weights for a block that projects, a norm, the projection
    ({"patch_size": 4, "embed_dim": 5, "num_layers": (1,)}, 30, 1 + 10 + 4),
    ({"patch_size": 8, "embed_dim": 7, "num_layers": (1, 1)}, 6, 1 + 20 + 4)])
def test_contract(kwargs, tokens, num_weights):
    height, width = (20, 24) if tokens == 30 else (16, 24)
    check_layer(ResidualStem, {**kwargs, **SMALL}, (2, height, width, 3),
                (2, tokens, kwargs["embed_dim"]), num_weights, keeps_mask=False)


def test_stages_of_the_paper():
    """The blocks of a ResNet-50 down to the stride of 16, as many as the paper's hybrid has."""
    stem = ResidualStem(16, 3, **SMALL)
    stem.build((None, 32, 32, 3))
    assert sum(isinstance(layer, layers.PreActivationBottleneck) for layer in stem.trunk) == 16
    assert [len(ResidualStem(side, 3).num_layers) for side in (4, 8)] == [1, 2]


def test_tokens_stand_row_by_row():
    """Noise in one corner moves the tokens of that corner most."""
    image = np.random.default_rng(0).normal(size=(1, 32, 48, 3)).astype("float32")
    other = image.copy()
    other[:, 24:, 40:] = np.random.default_rng(1).normal(size=(1, 8, 8, 3))
    stem = ResidualStem(8, 7, num_layers=(1, 1), **SMALL)
    moved = np.abs(np.asarray(stem(image)) - np.asarray(stem(other))).sum(axis=(0, 2))
    assert moved.argmax() == 4 * 6 - 1


def test_a_hybrid_vision_transformer():
    model = models.vit("nano", 4, (8, 12, 3), 5, stem="resnet", num_layers=1)
    assert model.output_shape == (None, 5)
    assert models.vit_geometry(model).grid == (2, 3)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"patch_size": 0}, {"patch_size": 0}),
    ({"patch_size": 12}, {"patch_size": 12}),
    ({"patch_size": 2}, {"patch_size": 2, "num_layers": ()}),
    ({"patch_size": 32}, {"patch_size": 32}),
    ({"num_layers": (1, 1, 1)}, {"patch_size": 8, "num_layers": (1, 1, 1)}),
    ({"num_layers": (1, 0)}, {"num_layers": 0}),
    ({"num_groups": 4}, {"num_groups": 4, "width": 6}),
])
def test_wrong_arguments(kwargs, received):
    check_error(lambda: ResidualStem(**{"patch_size": 8, "embed_dim": 5, **SMALL, **kwargs}),
                **received)


def test_images_that_the_patches_do_not_divide():
    stem = ResidualStem(8, 5, num_layers=(1, 1), **SMALL)
    check_error(lambda: stem(np.zeros((1, 16, 20, 3), "float32")), patch_size=8, width=20)
