"""`keras_seqattn.models.geometry`."""

import keras
import numpy as np
import pytest
from arrays import array
from tolerances import FLOAT32, GOLDEN

from keras_seqattn import models
from keras_seqattn.layers import PatchEmbedding
from keras_seqattn.layers.grid import resize_grid
from keras_seqattn.testing import check_error

SIZE = {"num_layers": 2, "num_heads": 3, "embed_dim": 12, "mlp_dim": 17}


def _vit(rng, image_shape=(24, 16, 3), **kwargs):
    model = models.vit("nano", 8, image_shape, 5, **{**SIZE, **kwargs})
    model.set_weights([rng.normal(size=weight.shape) for weight in model.weights])
    return model


@pytest.mark.parametrize(("kwargs", "num_prefix", "has_class_token"), [
    ({}, 1, True), ({"pooling": "mean"}, 0, False), ({"num_registers": 3}, 4, True),
    ({"pooling": "map", "num_registers": 2}, 2, False),
    ({"pooling": "mean", "class_token": True}, 1, False), ({"distillation": True}, 2, True),
])
def test_geometry_is_that_of_the_arguments(rng, kwargs, num_prefix, has_class_token):
    model = _vit(rng, **kwargs)
    geometry = models.vit_geometry(model)
    assert (geometry.grid, geometry.patch_size) == ((3, 2), 8)
    assert (geometry.num_prefix, geometry.has_class_token) == (num_prefix, has_class_token)
    assert model.get_layer("block_0").input.shape[1] == num_prefix + 6


@pytest.mark.parametrize("kwargs", [
    {"num_registers": 2}, {"num_registers": 2, "prefix_positions": False},
    {"pooling": "mean", "class_token": True}, {"pooling": "map"}, {"distillation": True},
    {"pooling": "none", "num_classes": 0}])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic_antialias"])
def test_another_size_is_the_same_model_with_another_table(rng, tmp_path, kwargs, interpolation):
    """A model of that size whose positions are resized by hand; then of any size, from a file."""
    kwargs = dict(kwargs)
    num_classes = kwargs.pop("num_classes", 5)
    model = models.vit("nano", 8, (24, 16, 3), num_classes, **SIZE, **kwargs)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.weights])
    by_hand = models.vit("nano", 8, (16, 40, 3), num_classes, **SIZE, **kwargs)
    prefix = model.get_layer("positions").num_prefix
    for old, new in zip(model.weights, by_hand.weights, strict=True):
        new.assign(old if old.shape == new.shape else resize_grid(
            array(old), (3, 2), (2, 5), prefix, interpolation))
    images = rng.uniform(-1, 1, size=(2, 16, 40, 3)).astype("float32")
    expected = array(by_hand(images))
    fixed, free = (models.resize(model, shape, interpolation)
                   for shape in ((16, 40, 3), (None, None, 3)))
    free.save(tmp_path / "model.keras")
    free = keras.saving.load_model(tmp_path / "model.keras")
    for each in (fixed, free):
        np.testing.assert_allclose(array(each(images)), expected, atol=10 * GOLDEN)
    small = images[:, :, :16].repeat(2, axis=1)[:, :24]
    np.testing.assert_allclose(array(free(small)), array(model(small)), atol=10 * GOLDEN)


def test_fixed_waves_are_made_anew(rng):
    model = _vit(rng, position="sinusoidal", pooling="mean")
    resized = models.resize(model, (16, 40, 3))
    expected = _vit(rng, (16, 40, 3), position="sinusoidal", pooling="mean")
    expected.set_weights(model.get_weights())
    images = rng.uniform(-1, 1, size=(2, 16, 40, 3)).astype("float32")
    np.testing.assert_allclose(array(resized(images)), array(expected(images)), atol=FLOAT32)
    check_error(lambda: models.resize(model, (None, None, 3)), image_shape=(None, None, 3))


def test_files_from_before_the_token_was_taken_by_a_layer_of_its_own():
    """Their class token is what a `Cropping1D` leaves, and their positions name no grid."""
    model = models.vit("nano", 8, (24, 16, 3), 5, **SIZE)
    old = keras.layers.LayerNormalization(name="last")(model.get_layer("norm").output)
    old = keras.layers.Cropping1D((0, 6), name="first")(old)
    old = keras.Model(model.input, old)
    assert models.resize(old, (40, 24, 3)).output_shape == (None, 1, 12)


def test_what_is_no_vision_transformer():
    x = keras.Input((24, 16, 3))
    check_error(lambda: models.resize(keras.Model(x, keras.layers.Flatten()(x)), (8, 8, 3)),
                stems=0)


def test_sides_that_patches_do_not_divide(rng):
    check_error(lambda: models.resize(_vit(rng), (20, 16, 3)), height=20, patch_size=8)


def test_images_of_any_size_need_positions_on_a_grid():
    x = keras.Input((None, None, 3))
    bare = keras.Model(x, PatchEmbedding(8, 12)(x), name="bare")
    check_error(lambda: models.vit_geometry(bare), model="bare", height=None, width=None)
