"""`keras_seqattn.layers.patch`."""

import keras
import numpy as np
import pytest
from arrays import array
from tolerances import FLOAT32

from keras_seqattn.layers import ClassToken, PatchEmbedding
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize(("kwargs", "num_weights"), [
    ({"patch_size": 3, "embed_dim": 7}, 2),
    ({"patch_size": 3, "embed_dim": 7, "use_bias": False, "kernel_initializer": "he_normal"}, 1),
])
def test_patch_contract(kwargs, num_weights):
    check_layer(PatchEmbedding, kwargs, (2, 6, 15, 5), (2, 10, 7), num_weights, keeps_mask=False)


@pytest.mark.parametrize("kwargs", [{}, {"initializer": "ones"}])
def test_token_contract(kwargs):
    check_layer(ClassToken, kwargs, (2, 7, 11), (2, 8, 11), 1)


def test_each_token_is_its_patch_times_the_kernel(rng):
    images = rng.normal(size=(2, 6, 15, 5)).astype("float32")
    layer = PatchEmbedding(patch_size=3, embed_dim=7)
    tokens = array(layer(images))
    kernel, bias = layer.get_weights()
    for row, column in np.ndindex(2, 5):
        patch = images[:, 3 * row:3 * row + 3, 3 * column:3 * column + 3].reshape(2, -1)
        np.testing.assert_allclose(
            tokens[:, 5 * row + column], patch @ kernel.reshape(-1, 7) + bias, atol=FLOAT32)


def test_any_size_of_image_that_the_patch_divides(rng):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, PatchEmbedding(patch_size=4, embed_dim=7)(inputs))
    for height, width in ((4, 4), (8, 20)):
        images = rng.normal(size=(2, height, width, 3)).astype("float32")
        assert model(images).shape == (2, height * width // 16, 7)


def test_class_token_stands_in_front_and_is_real(rng):
    x = rng.normal(size=(2, 5, 3)).astype("float32")
    layer = ClassToken(initializer="ones")
    output = array(layer(x))
    np.testing.assert_array_equal(output[:, 0], np.ones((2, 3)))
    np.testing.assert_array_equal(output[:, 1:], x)
    mask = layer.compute_mask(x, np.array([[True, False, True, False, False]] * 2))
    np.testing.assert_array_equal(array(mask)[0], [True, True, False, True, False, False])


@pytest.mark.parametrize(("shape", "received"), [
    ((2, 7, 6, 3), {"patch_size": 3, "height": 7}),
    ((2, 6, 7, 3), {"patch_size": 3, "width": 7}),
    ((6, 6, 3), {"input_shape": (6, 6, 3)}),
])
def test_images_that_do_not_fit(shape, received):
    layer = PatchEmbedding(patch_size=3, embed_dim=5)
    check_error(lambda: layer(np.zeros(shape, "float32")), **received)


def test_the_width_error_names_the_width_only():
    with pytest.raises(ValueError, match="width=7") as caught:
        PatchEmbedding(patch_size=3, embed_dim=5)(np.zeros((1, 6, 7, 3), "float32"))
    assert "height" not in str(caught.value)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"patch_size": 0, "embed_dim": 5}, {"patch_size": 0}),
    ({"patch_size": 3, "embed_dim": -1}, {"embed_dim": -1}),
])
def test_wrong_arguments(kwargs, received):
    check_error(lambda: PatchEmbedding(**kwargs), **received)


def test_a_patch_size_must_be_one_number():
    check_error(lambda: PatchEmbedding((3, 5), 7), TypeError, patch_size=(3, 5))


def test_class_token_needs_a_sequence():
    check_error(lambda: ClassToken()(np.zeros((2, 3), "float32")), input_shape=(2, 3))
