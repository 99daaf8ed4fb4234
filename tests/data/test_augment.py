"""`keras_seqattn.data.augment`."""

import numpy as np
import pytest

from keras_seqattn.data.augment import AUGMENTATIONS, flip, rot90, shift


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, size=(31, 20, 20, 3)).astype("float32")


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_dtype_and_seed(images, name):
    before = images.copy()
    first, second, other = (
        AUGMENTATIONS[name](images, np.random.default_rng(seed)) for seed in (3, 3, 5))
    assert first.shape == images.shape
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    np.testing.assert_array_equal(images, before)


def _which(image, candidates):
    return [np.array_equal(image, each) for each in candidates].index(True)


def test_flip_mirrors_about_half(images, rng):
    seen = [_which(out, (image, image[:, ::-1]))
            for out, image in zip(flip(images, rng), images, strict=True)]
    assert set(seen) == {0, 1}


def test_rot90_turns_every_way(images, rng):
    seen = [_which(out, [np.rot90(image, k) for k in range(4)])
            for out, image in zip(rot90(images, rng), images, strict=True)]
    assert set(seen) == {0, 1, 2, 3}


def test_shift_moves_by_a_tenth_at_most_and_mirrors(images, rng):
    seen = set()
    for out, image in zip(shift(images, rng), images, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        seen.add(_which(out, [padded[a:a + 20, b:b + 20] for a in range(5) for b in range(5)]))
    assert len(seen) > 10
