"""`keras_seqattn.layers.scaled_dot_product`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal

from keras_seqattn.layers import ScaledDotProductAttention
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize("kwargs", [{}, {"dropout": 0.5, "scale": 0.3, "seed": 3}])
def test_scaled_dot_product_contract(kwargs):
    check_layer(ScaledDotProductAttention, kwargs, (2, 3, 7, 5), (2, 3, 7, 5), 0, num_inputs=2,
                keeps_mask=False)


def test_scale_replaces_the_square_root(rng):
    query, value = normal(rng, 2, 3, 5, 7), normal(rng, 2, 3, 11, 7)
    assert_close(ScaledDotProductAttention(scale=0.5)(query, value),
                 ScaledDotProductAttention()(query * 0.5 * 7 ** 0.5, value))


def test_dropout_acts_in_training_only_and_keeps_the_mean():
    ones = np.ones((1, 2, 401, 5), "float32")
    layer = ScaledDotProductAttention(dropout=0.5, seed=3)
    trained = array(layer(ones, ones, training=True))
    assert abs(trained.mean() - 1) < 0.02
    assert trained.std() > 0.01
    assert_close(layer(ones, ones), ones)


@pytest.mark.parametrize(("shapes", "received"), [
    (((2, 5, 3), (2, 5, 3)), {"query_shape": (2, 5, 3)}),
    (((2, 3, 5, 7), (2, 3, 5, 11)), {"key_shape": (2, 3, 5, 11)}),
    (((2, 3, 5, 7), (2, 2, 5, 7)), {"query_heads": 3, "key_heads": 2}),
    (((2, 2, 5, 7), (2, 2, 5, 7), (2, 2, 6, 7)), {"key_shape": (2, 2, 6, 7)}),
])
def test_wrong_head_shapes(shapes, received):
    arrays = [np.ones(shape, "float32") for shape in shapes]
    check_error(lambda: ScaledDotProductAttention()(*arrays), **received)


def test_heads_of_unknown_number_are_read(rng):
    inputs = keras.Input((None, 5, 7))
    model = keras.Model(inputs, ScaledDotProductAttention()(inputs, inputs))
    for num_heads in (2, 3):
        x = normal(rng, 2, num_heads, 5, 7)
        assert_close(model(x), ScaledDotProductAttention()(x, x))


def test_flash_attention_excludes_dropout():
    check_error(lambda: ScaledDotProductAttention(dropout=0.1, flash_attention=True), dropout=0.1)


@pytest.mark.parametrize(("value", "key"), [
    ((2, 3, 4, 5), (2, 3, 1, 5)), ((1, 3, 4, 5), (1, 3, 4, 5)), ((2, 3, 4, 5), (1, 3, 4, 5)),
    ((2, 3, 4, 5), (2, 1, 4, 5))])
def test_no_shapes_broadcast_by_chance(value, key):
    layer, query = ScaledDotProductAttention(), (2, 3, 7, 5)
    layer(*(np.ones(shape, "float32") for shape in (query, (2, 3, 4, 5))))
    check_error(lambda: layer(*(np.ones(shape, "float32") for shape in (query, value, key))),
                value_shape=value, key_shape=key)
    check_error(lambda: layer.compute_output_shape(query, value, key), value_shape=value)


@pytest.mark.parametrize(("name", "shape"), [
    ("query_mask", (2, 1)), ("value_mask", (2, 7)), ("key_mask", (3, 4)),
    ("attention_mask", (7, 3))])
def test_masks_of_other_lengths(name, shape):
    query, value = np.ones((2, 3, 7, 5), "float32"), np.ones((2, 3, 4, 5), "float32")
    check_error(lambda: ScaledDotProductAttention()(
        query, value, **{name: np.ones(shape, bool)}), **{f"{name}_shape": shape})
