"""`keras_seqattn.inspection.distance`: closed forms, and what is left out."""

import numpy as np
import pytest
from arrays import assert_close

from keras_seqattn import inspection


def _brute(scores, grid, patch_size, num_prefix):
    """The weighted mean, in one loop over images, heads and patches that read."""
    batch, heads = scores.shape[:2]
    total = np.zeros(heads)
    places = [(y, x) for y in range(grid[0]) for x in range(grid[1])]
    for image, head, i in np.ndindex(batch, heads, len(places)):
        row = scores[image, head, num_prefix + i, num_prefix:]
        far = sum(weight * patch_size * ((places[i][0] - y) ** 2 + (places[i][1] - x) ** 2) ** 0.5
                  for weight, (y, x) in zip(row, places, strict=True))
        total[head] += far / row.sum()
    return total / (batch * len(places))


@pytest.mark.parametrize("num_prefix", [0, 3])
def test_any_attention_by_brute_force(rng, num_prefix):
    scores = rng.random((2, 5, num_prefix + 21, num_prefix + 21))
    np.testing.assert_allclose(
        inspection.attention_distance(scores, (3, 7), 11, num_prefix),
        _brute(scores, (3, 7), 11, num_prefix), atol=1e-10)


@pytest.mark.parametrize("num_patches", [1, 2, 7, 13])
def test_uniform_attention_on_a_line(num_patches):
    """The mean of |i - j| over all pairs of n places is (n² - 1) / 3n."""
    uniform = np.full((1, 2, num_patches, num_patches), 1 / num_patches)
    expected = 5 * (num_patches ** 2 - 1) / (3 * num_patches)
    for grid in ((1, num_patches), (num_patches, 1)):
        np.testing.assert_allclose(
            inspection.attention_distance(uniform, grid, 5), [expected] * 2, atol=1e-12)
        np.testing.assert_allclose(inspection.uniform_distance(grid, 5), expected, atol=1e-12)


@pytest.mark.parametrize("grid", [(2, 2), (3, 7), (7, 3), (5, 11)])
def test_uniform_attention_on_a_grid(grid):
    num_patches = grid[0] * grid[1]
    uniform = np.full((1, 1, num_patches, num_patches), 1 / num_patches)
    np.testing.assert_allclose(inspection.attention_distance(uniform, grid, 13),
                               [inspection.uniform_distance(grid, 13)], atol=1e-10)


def test_uniform_attention_on_four_patches_by_hand():
    """Each reads itself, two neighbours at P and one at P·√2."""
    assert inspection.uniform_distance((2, 2), 3) == pytest.approx((2 * 3 + 3 * 2 ** 0.5) / 4)


def test_what_reads_itself_or_no_patch_reads_nothing_far():
    eye = np.eye(7)[None, None]
    assert inspection.attention_distance(eye, (2, 3), 5, 1) == [0]
    first = np.zeros((1, 1, 7, 7))
    first[..., 0] = 1
    assert inspection.attention_distance(first, (2, 3), 5, 1) == [0]


@pytest.mark.parametrize("kwargs", [{"num_registers": 2}, {"pooling": "map"}])
def test_heads_that_ask_nothing_read_all_alike(small_vit, images, kwargs):
    model = small_vit(**kwargs)
    for index in range(2):
        query = model.get_layer(f"block_{index}").attention.query_dense
        query.set_weights([np.zeros(weight.shape) for weight in query.weights])
    assert_close(inspection.attention_distances(model, images),
                 np.full((2, 3), inspection.uniform_distance((3, 2), 8)))


def test_the_mean_over_images_does_not_depend_on_batches(small_vit, rng):
    model = small_vit()
    images = rng.normal(size=(5, 24, 16, 3)).astype("float32")
    expected = inspection.attention_distances(model, images)
    assert expected.shape == (2, 3)
    assert np.ptp(expected) > 0.1
    assert_close(inspection.attention_distances(model, images, batch_size=2), expected)
