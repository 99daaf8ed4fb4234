"""`keras_seqattn.layers.learned_position`."""

import keras
import numpy as np
import pytest
from arrays import array
from keras import ops
from tolerances import FLOAT32

from keras_seqattn.layers import LearnedPositionEmbedding
from keras_seqattn.layers.grid import INTERPOLATIONS, resize_grid
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize("kwargs", [
    {}, {"max_length": 11}, {"initializer": "ones"},
    {"grid": (2, 3), "num_prefix": 1, "interpolation": "bicubic"}])
def test_contract(kwargs):
    check_layer(LearnedPositionEmbedding, kwargs, (2, 7, 5), (2, 7, 5), 1)


def test_learned_rows_belong_to_positions(rng):
    layer = LearnedPositionEmbedding(max_length=11)
    x = rng.normal(size=(2, 11, 5)).astype("float32")
    full = array(layer(x))
    np.testing.assert_allclose(full - x, np.repeat((full - x)[:1], 2, axis=0), atol=FLOAT32)
    for start in (4, ops.convert_to_tensor(4, "int32")):
        np.testing.assert_allclose(
            array(layer(x[:, 4:7], start=start)), full[:, 4:7], atol=FLOAT32)
    np.testing.assert_allclose(array(layer(x[:, :7])), full[:, :7], atol=FLOAT32)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("sides", [(15, 33), (None, None)])
def test_images_of_another_size_read_the_resized_table(rng, sides, interpolation):
    """Of a size that is known when the model is built, and of any size."""
    layer = LearnedPositionEmbedding(grid=(2, 3), num_prefix=2, interpolation=interpolation)
    images, tokens = keras.Input((*sides, 1)), keras.Input((None, 7))
    model = keras.Model([tokens, images], layer(tokens, images=images))
    layer.embeddings.assign(rng.normal(size=(8, 7)))
    x = rng.normal(size=(1, 2 + 5 * 11, 7)).astype("float32")
    table = resize_grid(
        array(layer.embeddings).astype("float64"), (2, 3), (5, 11), 2, interpolation)
    moved = array(model([x, np.zeros((1, 15, 33, 1), "float32")])) - x
    np.testing.assert_allclose(moved[0], table, atol=FLOAT32)


@pytest.mark.parametrize(("kwargs", "shape", "received"), [
    ({"max_length": 3}, (2, 5, 7), {"length": 5, "max_length": 3}),
    ({"grid": (2, 2)}, (2, 5, 7), {"length": 5, "max_length": 4}),
    ({}, (2, 5), {"input_shape": (2, 5)}),
])
def test_inputs_that_do_not_fit(kwargs, shape, received):
    check_error(lambda: LearnedPositionEmbedding(**kwargs)(np.zeros(shape, "float32")), **received)


def test_a_length_is_needed():
    check_error(lambda: LearnedPositionEmbedding()(keras.Input((None, 5))), max_length=None)


def test_images_need_a_grid():
    images = keras.Input((8, 8, 3))
    check_error(lambda: LearnedPositionEmbedding()(keras.Input((4, 5)), images=images), grid=None)
    layer = LearnedPositionEmbedding()
    layer.build((None, 4, 5))
    check_error(lambda: layer(np.zeros((2, 4, 5)), images=np.zeros((2, 8, 8, 3))), grid=None)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"max_length": -1}, {"max_length": -1}),
    ({"grid": (0, 3)}, {"grid_height": 0}),
    ({"grid": (2, 3), "max_length": 6}, {"grid": (2, 3), "max_length": 6}),
    ({"interpolation": "nearest"}, {"interpolation": "nearest"}),
])
def test_wrong_arguments(kwargs, received):
    check_error(lambda: LearnedPositionEmbedding(**kwargs), **received)


@pytest.mark.parametrize("positions", [[3, 0, 6, 1, 1], [[3, 0, 6, 1, 1], [0, 1, 2, 3, 4]]])
def test_each_token_may_tell_its_position(rng, positions):
    layer, x = LearnedPositionEmbedding(max_length=7), rng.normal(size=(2, 5, 3)).astype("float32")
    layer.build(x.shape)
    wanted = x + array(layer.embeddings)[np.array(positions)]
    np.testing.assert_allclose(layer(x, positions=np.array(positions)), wanted, atol=FLOAT32)
    check_error(lambda: layer(x, start=2, positions=np.array(positions)), start=2)
    check_error(lambda: layer(x, positions=np.arange(4)), positions_shape=(1, 4))


def test_a_start_behind_which_the_tokens_do_not_fit():
    layer = LearnedPositionEmbedding(max_length=7)
    check_error(lambda: layer(np.zeros((2, 5, 3), "float32"), start=3), length=8, max_length=7)
