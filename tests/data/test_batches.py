"""`keras_seqattn.data.batches`."""

import numpy as np
import pytest

from keras_seqattn.data import LabelledImages
from keras_seqattn.data.batches import Batches, scale


@pytest.fixture
def examples():
    """Image `i` is `10·i` plus the column, so that its middle column survives a flip."""
    numbers, columns = np.arange(13)[:, None, None, None], np.arange(5)[:, None]
    pixels = (10 * numbers + columns + np.zeros((1, 5, 5, 3))).astype("uint8")
    return LabelledImages(pixels, np.arange(13, dtype="int32") % 3, ("a", "b", "c"))


def _epoch(batches):
    images, labels = zip(*(batches[i] for i in range(len(batches))), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def test_scale_spans_minus_one_to_one():
    np.testing.assert_allclose(
        scale(np.array([0, 51, 255], "uint8")), [-1.0, -0.6, 1.0], atol=1e-6)


def test_an_epoch_holds_every_example_once(examples):
    batches = Batches(examples, 5, seed=3)
    assert len(batches) == 3
    for _ in range(2):
        images, labels = _epoch(batches)
        which = np.round((images[:, 0, 2, 0] + 1) * 12.75).astype(int)
        assert sorted(which) == list(range(13))
        np.testing.assert_array_equal(labels.argmax(-1), which % 3)
        assert (labels.sum(-1) == 1).all()
        batches.on_epoch_end()


def test_order_follows_from_the_seed_and_changes_by_epoch(examples):
    first, twin, other = (Batches(examples, 5, ("flip", "shift"), seed) for seed in (3, 3, 5))
    np.testing.assert_array_equal(_epoch(first)[0], _epoch(twin)[0])
    assert (_epoch(first)[0] != _epoch(other)[0]).any()
    before = _epoch(first)[0]
    first.on_epoch_end()
    assert (_epoch(first)[0] != before).any()


def test_batch_i_does_not_depend_on_the_batches_before(examples):
    augmented = Batches(examples, 5, ("flip",), 3)
    np.testing.assert_array_equal(augmented[2][0], Batches(examples, 5, ("flip",), 3)[2][0])


def test_without_a_seed_nothing_is_shuffled_or_changed(examples):
    images, _ = _epoch(Batches(examples, 5, ("flip",)))
    np.testing.assert_array_equal(images, scale(examples.images))
