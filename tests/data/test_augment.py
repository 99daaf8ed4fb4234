"""`keras_seqattn.data.augment`."""

import numpy as np
import pytest

from keras_seqattn.data.augment import AUGMENTATIONS, flip, mixup, rot90, shift


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, size=(31, 20, 20, 3)).astype("float32")


LABELS = np.eye(31, dtype="float32")


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_dtype_and_seed(images, name):
    before = images.copy()
    first, second, other = (
        AUGMENTATIONS[name](images, LABELS, np.random.default_rng(seed))[0] for seed in (3, 3, 5))
    assert first.shape == images.shape
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    np.testing.assert_array_equal(images, before)


def _which(image, candidates):
    return [np.array_equal(image, each) for each in candidates].index(True)


def test_flip_mirrors_about_half(images, rng):
    seen = [_which(out, (image, image[:, ::-1]))
            for out, image in zip(flip(images, LABELS, rng)[0], images, strict=True)]
    assert set(seen) == {0, 1}


def test_rot90_turns_every_way(images, rng):
    seen = [_which(out, [np.rot90(image, k) for k in range(4)])
            for out, image in zip(rot90(images, LABELS, rng)[0], images, strict=True)]
    assert set(seen) == {0, 1, 2, 3}


def test_shift_moves_by_a_tenth_at_most_and_mirrors(images, rng):
    seen = set()
    for out, image in zip(shift(images, LABELS, rng)[0], images, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        seen.add(_which(out, [padded[a:a + 20, b:b + 20] for a in range(5) for b in range(5)]))
    assert len(seen) > 10


@pytest.mark.parametrize("name", ["flip", "rot90", "shift"])
def test_labels_stay_with_their_images(images, rng, name):
    np.testing.assert_array_equal(AUGMENTATIONS[name](images, LABELS, rng)[1], LABELS)


def test_mixup_blends_labels_as_it_blends_images_in_half_of_the_batches(images, rng):
    blended = 0
    for _ in range(20):
        mixed, labels = mixup(images, LABELS, rng)
        np.testing.assert_allclose(labels.sum(-1), np.ones(31), atol=1e-6)
        np.testing.assert_allclose(mixed, np.einsum("bo,ohwc->bhwc", labels, images), atol=1e-5)
        blended += (labels != LABELS).any()
    assert 3 < blended < 17
