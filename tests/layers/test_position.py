"""`keras_seqattn.layers.position`."""

import keras
import numpy as np
import pytest
from arrays import array
from keras import ops
from tolerances import FLOAT32

from keras_seqattn.layers import PositionalEncoding
from keras_seqattn.testing import check_error, check_layer


def _paper(position, embed_dim, max_wavelength=10_000.0):
    """Vaswani et al. 2017, section 3.5, one number at a time in float64."""
    return np.array([
        (np.sin if feature % 2 == 0 else np.cos)(
            position / max_wavelength ** ((feature - feature % 2) / embed_dim))
        for feature in range(embed_dim)])


@pytest.mark.parametrize(("kwargs", "shape"), [
    ({}, (2, 7, 10)), ({"max_length": 7, "max_wavelength": 100.0}, (2, 7, 6)),
    ({"grid": (3, 5)}, (2, 15, 12)),
])
def test_contract(kwargs, shape):
    check_layer(PositionalEncoding, kwargs, shape, shape, 0)


def test_ten_thousand_positions_are_exact():
    layer = PositionalEncoding()
    encoding = array(layer(np.zeros((1, 10_000, 6), "float32")))[0]
    np.testing.assert_array_equal(layer.table, encoding)
    for position in (0, 1, 2, 97, 4_999, 9_973, 9_999):
        np.testing.assert_allclose(encoding[position], _paper(position, 6), atol=1e-6)


@pytest.mark.parametrize(("dtype", "half_step"), [("float16", 2 ** -12), ("bfloat16", 2 ** -9)])
def test_low_precision_rounds_once(dtype, half_step):
    """What float16 can hold of the exact sum, not a sine of a rounded position."""
    encoding = array(PositionalEncoding(dtype=dtype)(np.zeros((1, 10_000, 4), "float32")))[0]
    for position in (3, 1_021, 9_973):
        assert np.abs(encoding[position] - _paper(position, 4)).max() <= half_step + 1e-6


def test_unknown_length_and_start_give_the_same_rows(rng):
    layer = PositionalEncoding(max_length=31)
    x = rng.normal(size=(2, 13, 6)).astype("float32")
    inputs = keras.Input((None, 6))
    free = keras.Model(inputs, PositionalEncoding(max_length=31)(inputs))
    np.testing.assert_allclose(array(free(x)), array(layer(x)), atol=FLOAT32)
    for start in (5, ops.convert_to_tensor(5, "int32")):
        np.testing.assert_allclose(
            array(layer(x[:, 5:8], start=start)), array(layer(x))[:, 5:8], atol=FLOAT32)


def test_a_grid_encodes_row_and_column():
    encoding = array(PositionalEncoding(grid=(3, 5))(np.zeros((1, 15, 8), "float32")))[0]
    grid = encoding.reshape(3, 5, 8)
    np.testing.assert_allclose(grid[2, 4], [*_paper(2, 4), *_paper(4, 4)], atol=1e-6)
    np.testing.assert_array_equal(grid[1, :, :4], np.repeat(grid[1, :1, :4], 5, axis=0))
    np.testing.assert_array_equal(grid[:, 3, 4:], np.repeat(grid[:1, 3, 4:], 3, axis=0))


@pytest.mark.parametrize(("kwargs", "shape", "received"), [
    ({}, (2, 5, 7), {"embed_dim": 7}),
    ({"grid": (1, 5)}, (2, 5, 6), {"embed_dim": 6, "grid": (1, 5)}),
    ({"grid": (2, 3)}, (2, 5, 8), {"grid": (2, 3), "length": 5}),
    ({"max_length": 3}, (2, 5, 8), {"length": 5, "max_length": 3}),
    ({}, (2, 5), {"input_shape": (2, 5)}),
])
def test_inputs_that_do_not_fit(kwargs, shape, received):
    check_error(lambda: PositionalEncoding(**kwargs)(np.zeros(shape, "float32")), **received)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"max_wavelength": 0.0}, {"max_wavelength": 0.0}),
    ({"max_length": 0}, {"max_length": 0}),
    ({"grid": (0, 3)}, {"grid_height": 0}),
])
def test_wrong_arguments(kwargs, received):
    check_error(lambda: PositionalEncoding(**kwargs), **received)


@pytest.mark.parametrize("positions", [[3, 0, 6, 1, 1], [[3, 0, 6, 1, 1], [0, 1, 2, 3, 4]]])
def test_each_token_may_tell_its_position(positions):
    layer, x = PositionalEncoding(max_length=7), np.zeros((2, 5, 4), "float32")
    layer.build(x.shape)
    found = array(layer(x, positions=np.array(positions)))
    np.testing.assert_allclose(
        found, np.broadcast_to(layer.table[np.array(positions)], x.shape), atol=FLOAT32)
    check_error(lambda: layer(x, start=1, positions=np.array(positions)), start=1)
