"""`keras_seqattn.inspection.positions`: planted tables, and waves by their formula."""

import keras
import numpy as np
import pytest

from keras_seqattn import inspection, models
from keras_seqattn.testing import check_error


@pytest.mark.parametrize(("kwargs", "num_prefix"), [
    ({"pooling": "mean"}, 0), ({"num_registers": 2}, 3),
    ({"num_registers": 2, "prefix_positions": False}, 0)])
def test_positions_that_know_their_row_only(small_vit, rng, kwargs, num_prefix):
    model = small_vit(**kwargs)
    rows = np.linalg.qr(rng.normal(size=(12, 12)))[0][:3]                      # at right angles
    sizes = rng.uniform(1, 9, size=(6, 1))
    table = np.repeat(rows, 2, axis=0) * sizes * np.array([1, 1, 1, 1, 1, -1])[:, None]
    prefix = rng.normal(size=(num_prefix, 12))
    model.get_layer("positions").embeddings.assign(np.concatenate([prefix, table]))
    expected = np.zeros((3, 2, 3, 2))
    for row in range(3):
        expected[row, :, row] = 1
    expected[2, :, 2] = [[1, -1], [-1, 1]]
    np.testing.assert_allclose(inspection.position_similarity(model), expected, atol=1e-6)


def test_waves_are_alike_by_their_offset(small_vit):
    """The mean of cos(w·y) and cos(w·x) over the wavelengths, whatever the place."""
    model = small_vit(pooling="mean", position="sinusoidal")
    similarity = inspection.position_similarity(model)
    speeds = 1e4 ** (-np.arange(0, 6, 2) / 6)
    for y, x, b, a in np.ndindex(3, 2, 3, 2):
        expected = np.cos(np.outer([y - b, x - a], speeds)).mean()
        np.testing.assert_allclose(similarity[y, x, b, a], expected, atol=1e-6)


def test_the_grid_is_that_of_the_table(small_vit):
    model = models.resize(small_vit(), (None, None, 3))
    assert inspection.position_similarity(model).shape == (3, 2, 3, 2)
    model = small_vit(grid=(5, 7))
    assert inspection.position_similarity(model).shape == (5, 7, 5, 7)


def test_positions_of_zero_are_like_nothing(small_vit):
    model = small_vit()
    model.get_layer("positions").embeddings.assign(np.zeros((7, 12)))
    assert not inspection.position_similarity(model).any()


def test_patches_without_positions(small_vit):
    model = small_vit()
    patches = model.get_layer("patches").output
    bare = keras.Model(model.input, patches, name="bare")
    check_error(lambda: inspection.position_similarity(bare), model="bare")
