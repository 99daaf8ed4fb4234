"""`keras_seqattn.data.jitter`."""

import numpy as np
from arrays import normal

from keras_seqattn.data.jitter import jitter


def test_white_around_a_square_stays_white_and_the_square_stays_near(rng):
    """On white the enlarged edge is white too, and the middle of what was there is still there."""
    image = np.ones((1, 40, 30, 3), "float32")
    image[:, 12:28, 9:21] = [1.0, -1.0, -1.0]
    for _ in range(20):
        changed, _ = jitter(image, np.zeros((1, 0)), rng)
        assert changed[0, [0, 0, -1, -1], [0, -1, 0, -1]].min() > 0.7
        assert changed[0, 20, 15, 0] > 0.7
        assert changed[0, 20, 15, 1] < -0.7


def test_each_image_changes_by_itself_within_the_range(rng):
    images = np.tile(np.clip(normal(rng, 1, 16, 16, 1), -1, 1), (3, 1, 1, 1))
    changed, labels = jitter(images, np.arange(3), rng)
    assert changed.shape == images.shape
    assert changed.min() >= -1.0
    assert changed.max() <= 1.0
    assert len(np.unique(changed.reshape(3, -1), axis=0)) == 3
    np.testing.assert_array_equal(labels, np.arange(3))


def test_a_seed_makes_the_same_change():
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype("float32")
    first, second = (jitter(images, None, np.random.default_rng(5))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
