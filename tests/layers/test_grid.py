"""`keras_seqattn.layers.grid`."""

import numpy as np
import pytest
from arrays import array
from keras import ops
from tolerances import FLOAT32

from keras_seqattn.layers.grid import INTERPOLATIONS, grid_of, resize_grid
from keras_seqattn.testing import check_error

GRIDS = [(3, 11), (13, 4), (2, 2)]


def _resize(table, new_grid, interpolation, num_prefix=0):
    return resize_grid(table, (7, 5), new_grid, num_prefix, interpolation)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_the_same_grid_and_what_is_constant_stay(rng, interpolation):
    table = rng.normal(size=(35, 3))
    np.testing.assert_allclose(_resize(table, (7, 5), interpolation), table, atol=1e-12)
    constant = np.ones((35, 3))
    for grid in GRIDS:
        np.testing.assert_allclose(_resize(constant, grid, interpolation), 1, atol=1e-12)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("grid", GRIDS)
def test_every_backend_computes_the_same(rng, grid, interpolation):
    table = rng.normal(size=(2 + 35, 3)).astype("float32")
    expected = _resize(table.astype("float64"), grid, interpolation, num_prefix=2)
    made = resize_grid(ops.convert_to_tensor(table), (7, 5), grid, 2, interpolation, xp=ops)
    np.testing.assert_allclose(array(made), expected, atol=FLOAT32)
    np.testing.assert_array_equal(expected[:2], table[:2])


@pytest.mark.parametrize(("interpolation", "filter_name", "grid"), [
    (interpolation, name, grid) for grid in (*GRIDS, (13, 11))
    for interpolation, name in (("bilinear", "BILINEAR"), ("bicubic_antialias", "BICUBIC"))])
def test_pillow_does_the_same(rng, interpolation, filter_name, grid):
    image = pytest.importorskip("PIL.Image")
    table = rng.normal(size=(35, 1)).astype("float32")
    pixels = image.fromarray(table.reshape(7, 5)).resize(grid[::-1], image.Resampling[filter_name])
    np.testing.assert_allclose(
        _resize(table, grid, interpolation).reshape(grid), np.array(pixels), atol=FLOAT32)


def test_bicubic_by_hand():
    """Two to four: at 1/4 behind the first centre, Keys' kernel with a = -0.75 and the border."""
    a = -0.75

    def kernel(x):
        x = abs(x)
        if x <= 1:
            return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1
        return a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a

    second = kernel(0.75) + kernel(1.75)     # of the second vector and its repetition behind it
    table = resize_grid(np.array([[0.0], [1.0]]), (1, 2), (1, 4), interpolation="bicubic")
    np.testing.assert_allclose(table[1], second, atol=1e-12)
    np.testing.assert_allclose(table[2], 1 - second, atol=1e-12)


def test_corners_lie_on_corners(rng):
    table = rng.normal(size=(7, 5, 3))
    made = _resize(table.reshape(35, 3), (3, 11), "corners").reshape(3, 11, 3)
    np.testing.assert_allclose(made[::2, ::5], table[::6, ::2][:2], atol=1e-12)
    np.testing.assert_allclose(made[1, 0], table[3, 0], atol=1e-12)


@pytest.mark.parametrize(("rows", "interpolation", "received"), [
    (34, "bilinear", {"rows": 34, "grid": (7, 5)}),
    (35, "linear", {"interpolation": "linear"}),
])
def test_what_does_not_fit(rows, interpolation, received):
    check_error(lambda: _resize(np.zeros((rows, 3)), (3, 3), interpolation), **received)


@pytest.mark.parametrize("sides", [(16, 24), (17, 16), (23, 31), (16, 23), (39, 20), (10, 16)])
@pytest.mark.parametrize("more", [0, 7])
def test_the_grid_of_an_image_is_that_of_its_stem(sides, more):
    grid = tuple((side + more) // 8 for side in sides)
    assert grid_of(sides, grid[0] * grid[1], patch_size=8) == grid
    unknown = [ops.convert_to_tensor(each, "int32") for each in (*sides, grid[0] * grid[1])]
    assert tuple(map(int, grid_of(unknown[:2], unknown[2], patch_size=8))) == grid


@pytest.mark.parametrize("num_patches", [0, 1, 3])
def test_no_grid_has_so_many_patches(num_patches):
    check_error(lambda: grid_of((10, 16), num_patches, patch_size=8), num_patches=num_patches)


def test_without_a_patch_size_the_areas_tell_the_grid():
    assert grid_of((16, 24), 6) == (2, 3)
    check_error(lambda: grid_of((10, 16), 2), image_sides=(10, 16))
