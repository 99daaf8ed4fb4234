"""`keras_seqattn.layers.patch`."""

import h5py
import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal
from keras import ops
from tolerances import EXACT, FLOAT32

from keras_seqattn.layers import ConvStem, PatchEmbedding
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize(("kwargs", "num_weights"), [
    ({"patch_size": 3, "embed_dim": 7}, 2),
    ({"patch_size": 3, "embed_dim": 7, "use_bias": False, "kernel_initializer": "he_normal"}, 1),
])
def test_patch_contract(kwargs, num_weights):
    check_layer(PatchEmbedding, kwargs, (2, 6, 15, 5), (2, 10, 7), num_weights, keeps_mask=False)


@pytest.mark.parametrize(("kwargs", "tokens", "num_weights"), [
    ({"patch_size": 2, "embed_dim": 7}, 24, 4), ({"patch_size": 4, "embed_dim": 6}, 6, 6)])
def test_stem_contract(kwargs, tokens, num_weights):
    check_layer(ConvStem, kwargs, (2, 8, 12, 5), (2, tokens, kwargs["embed_dim"]), num_weights,
                keeps_mask=False)


def test_each_token_is_its_patch_times_the_kernel(rng):
    images = rng.normal(size=(2, 6, 15, 5)).astype("float32")
    layer = PatchEmbedding(patch_size=3, embed_dim=7)
    tokens = array(layer(images))
    kernel, bias = layer.projection.get_weights()
    for row, column in np.ndindex(2, 5):
        patch = images[:, 3 * row:3 * row + 3, 3 * column:3 * column + 3].reshape(2, -1)
        np.testing.assert_allclose(
            tokens[:, 5 * row + column], patch @ kernel.reshape(-1, 7) + bias, atol=FLOAT32)


def test_a_stem_is_convolutions_that_halve_the_sides_and_double_the_width(rng):
    layer = ConvStem(patch_size=8, embed_dim=20)
    images = normal(rng, 2, 8, 24, 3)
    layer(images)
    assert [each.filters for each in layer.convolutions] == [5, 10, 20]
    assert layer.projection.filters == 20
    shapes = [(3, 3, 3, 5), (5,), (3, 3, 5, 10), (10,), (3, 3, 10, 20), (20,),
              (1, 1, 20, 20), (20,)]
    assert [array.shape for array in layer.get_weights()] == shapes
    layer.set_weights([normal(rng, *shape) for shape in shapes])
    x, weights = images, layer.get_weights()
    for kernel, bias in zip(weights[0:6:2], weights[1:6:2], strict=True):
        x = ops.conv(x, kernel, strides=2, padding="same", data_format="channels_last") + bias
        x = ops.gelu(x, approximate=False)                    # (2, 4, 12, 5) and so on
    tokens = array(x).reshape(2, 3, 20) @ weights[6][0, 0] + weights[7]
    np.testing.assert_allclose(array(layer(images)), tokens, rtol=1e-4, atol=1e-3)


def test_weights_that_lie_under_private_names_are_found(tmp_path):
    """Files from before the convolutions were public attributes."""
    file = tmp_path / "model.weights.h5"
    images = np.ones((2, 8, 12, 3), "float32")
    models = [keras.Sequential([keras.Input((8, 12, 3)), ConvStem(patch_size=4, embed_dim=6)])
              for _ in range(2)]
    models[0].save_weights(file)
    with h5py.File(file, "r+") as groups:
        (stem,) = groups["layers"].values()
        for name in ("convolutions", "projection"):
            stem.move(name, f"_{name}")
    models[1].load_weights(file)
    assert_close(models[1](images), models[0](images), atol=EXACT)


def test_a_stem_sees_beside_its_patch_on_the_grid_of_a_patch_embedding():
    """A bright corner moves its own token, 14, and with a stem those at whose edge it lies."""
    image = np.zeros((1, 24, 40, 3), "float32")
    image[0, 16:, 32:] = 1
    for stem, expected in ((PatchEmbedding, [14]), (ConvStem, [8, 9, 13, 14])):
        layer = stem(8, 12)
        change = array(layer(image) - layer(0 * image))[0]
        assert np.flatnonzero(change.any(-1)).tolist() == expected


@pytest.mark.parametrize("stem", [PatchEmbedding, ConvStem])
def test_any_size_of_image_that_the_patch_divides(rng, stem):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, stem(patch_size=4, embed_dim=6)(inputs))
    for height, width in ((4, 4), (8, 20)):
        images = rng.normal(size=(2, height, width, 3)).astype("float32")
        assert model(images).shape == (2, height * width // 16, 6)


@pytest.mark.parametrize(("shape", "received"), [
    ((2, 7, 8, 3), {"patch_size": 4, "height": 7}),
    ((2, 8, 7, 3), {"patch_size": 4, "width": 7}),
    ((8, 8, 3), {"input_shape": (8, 8, 3)}),
])
@pytest.mark.parametrize("stem", [PatchEmbedding, ConvStem])
def test_images_that_do_not_fit(stem, shape, received):
    layer = stem(patch_size=4, embed_dim=6)
    check_error(lambda: layer(np.zeros(shape, "float32")), **received)


def test_the_width_error_names_the_width_only():
    with pytest.raises(ValueError, match="width=7") as caught:
        PatchEmbedding(patch_size=3, embed_dim=5)(np.zeros((1, 6, 7, 3), "float32"))
    assert "height" not in str(caught.value)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"patch_size": 0, "embed_dim": 5}, {"patch_size": 0}),
    ({"patch_size": 4, "embed_dim": -1}, {"embed_dim": -1}),
])
@pytest.mark.parametrize("stem", [PatchEmbedding, ConvStem])
def test_wrong_arguments(stem, kwargs, received):
    check_error(lambda: stem(**kwargs), **received)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"patch_size": 1, "embed_dim": 8}, {"patch_size": 1}),
    ({"patch_size": 6, "embed_dim": 12}, {"patch_size": 6}),
    ({"patch_size": 16, "embed_dim": 12}, {"patch_size": 16, "embed_dim": 12}),
])
def test_stems_that_cannot_halve_or_double(kwargs, received):
    check_error(lambda: ConvStem(**kwargs), **received)


def test_a_patch_size_must_be_one_number():
    check_error(lambda: PatchEmbedding((3, 5), 7), TypeError, patch_size=(3, 5))


def test_an_image_smaller_than_a_patch():
    for stem in (PatchEmbedding(8, 4), ConvStem(8, 4)):
        stem.build((None, None, None, 3))
        check_error(lambda stem=stem: stem(np.zeros((1, 7, 16, 3), "float32")),
                    images_shape=(1, 7, 16, 3), patch_size=8)


@pytest.mark.parametrize("sides", [(16, 24), (17, 23), (10, 16)])
def test_stems_of_any_size_tell_how_many_tokens_they_make(sides):
    for stem in (PatchEmbedding(8, 4), ConvStem(8, 4)):
        stem.build((None, None, None, 3))
        shape = (2, *sides, 3)
        assert stem(np.zeros(shape, "float32")).shape == stem.compute_output_shape(shape)
