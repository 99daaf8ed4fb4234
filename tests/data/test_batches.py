"""`keras_seqattn.data.batches`."""

import numpy as np
import pytest

from keras_seqattn.data import LabelledImages
from keras_seqattn.data.batches import Batches, scale
from keras_seqattn.testing import check_error

ALL = ("flip", "rot90", "shift", "resized_crop", "erase", "mixup", "cutmix")


@pytest.fixture
def examples():
    """Image `i` is `10·i` plus the column, so that its middle column survives a flip."""
    numbers, columns = np.arange(13)[:, None, None, None], np.arange(5)[:, None]
    pixels = (10 * numbers + columns + np.zeros((1, 5, 5, 3))).astype("uint8")
    return LabelledImages(pixels, np.arange(13, dtype="int32") % 3, ("a", "b", "c"))


def _which(images):
    return np.round((images[:, 0, 2, 0] + 1) * 12.75).astype(int)


def check_equal(one, other):
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


def test_scale_spans_minus_one_to_one():
    np.testing.assert_allclose(
        scale(np.array([0, 51, 255], "uint8")), [-1.0, -0.6, 1.0], atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 5, 13, 17])
def test_an_epoch_holds_every_example_once(examples, batch_size):
    batches = Batches(examples, batch_size, ("flip",), seed=3)
    steps = batches.steps_per_epoch
    assert steps == -(-13 // batch_size)
    for epoch in range(2):
        seen = []
        for step in range(steps):
            images, labels, weights = batches[epoch * steps + step]
            assert images.shape == (batch_size, 5, 5, 3)
            assert labels.shape == (batch_size, 3)
            assert weights.shape == (batch_size,)
            assert {images.dtype, labels.dtype, weights.dtype} == {np.dtype("float32")}
            np.testing.assert_array_equal(labels, np.eye(3)[_which(images) % 3])
            seen += _which(images[weights > 0]).tolist()
            assert weights.sum() == pytest.approx(batch_size)
            assert len(set(weights[weights > 0])) == 1
        assert sorted(seen) == list(range(13))


def test_a_padded_batch_weighs_its_real_examples_only(examples):
    _, _, weights = Batches(examples, 5, seed=3)[2]
    np.testing.assert_allclose(weights, [5 / 3, 5 / 3, 5 / 3, 0, 0], rtol=1e-6)


def test_training_goes_on_without_end_in_another_order_each_epoch(examples):
    batches = Batches(examples, 13, seed=3)
    assert batches.num_batches is None
    first, second = (_which(batches[step][0]) for step in (0, 1))
    assert (first != np.arange(13)).any()
    assert (first != second).any()
    one, twin = (Batches(examples, 13, ("flip",), 3)[1000] for _ in range(2))
    check_equal(one, twin)


def test_batches_follow_from_the_seed(examples):
    first, twin, other = (Batches(examples, 5, ALL, seed) for seed in (3, 3, 5))
    for step in range(7):
        check_equal(first[step], twin[step])
        assert (first[step][0] != other[step][0]).any()


def test_augmentation_changes_by_epoch_step_and_place(rng):
    """The same image again and again: only the generator differs."""
    image = rng.integers(256, size=(1, 20, 20, 3)).astype("uint8")
    same = LabelledImages(image.repeat(8, axis=0), np.zeros(8, "int32"), ("a",))
    batches = Batches(same, 4, ("resized_crop",), seed=3)
    made = [image.tobytes() for step in range(4) for image in batches[step][0]]
    assert len(set(made)) == 16


@pytest.mark.parametrize("first_step", [1, 3, 8])
def test_a_training_goes_on_at_any_step(examples, first_step):
    whole, rest = Batches(examples, 5, ALL, 3), Batches(examples, 5, ALL, 3, first_step)
    for step in (5, 0, 2):
        check_equal(rest[step], whole[first_step + step])


@pytest.mark.parametrize(("batch_size", "shares"), [(6, 2), (6, 3), (6, 6), (10, 2), (9, 3), (5, 5),
                                                    (14, 2)])
@pytest.mark.parametrize("seed", [3, None])
def test_the_shares_put_together_are_the_whole_batch(examples, batch_size, shares, seed):
    whole = Batches(examples, batch_size, ALL, seed)
    parts = [Batches(examples, batch_size, ALL, seed, share=(index, shares))
             for index in range(shares)]
    for step in range(whole.steps_per_epoch):
        made = [part[step] for part in parts]
        assert {len(one) for batch in made for one in batch} == {batch_size // shares}
        check_equal(map(np.concatenate, zip(*made, strict=True)), whole[step])


def test_only_neighbours_mix(examples):
    batches = Batches(examples, 5, ("mixup",), seed=3)
    plain = Batches(examples, 5, (), seed=3)
    mixed = 0
    for step in range(12):
        (images, labels, _), (own, _, _) = batches[step], plain[step]
        for first, second in ((0, 1), (2, 3)):
            total = own[first] + own[second]
            np.testing.assert_allclose(images[first] + images[second], total, atol=1e-5)
            mixed += (images[first] != own[first]).any()
        np.testing.assert_allclose(images[4], own[4], atol=1e-6)
        np.testing.assert_allclose(labels.sum(-1), 1, atol=1e-6)
    assert 6 < mixed < 18


@pytest.mark.parametrize("batch_size", [4, 5, 13, 17])
def test_the_mean_over_validation_batches_is_the_mean_over_examples(examples, batch_size):
    batches = Batches(examples, batch_size)
    assert batches.num_batches == batches.steps_per_epoch
    means = []
    for step in range(batches.num_batches):
        images, _, weights = batches[step]
        means.append((_which(images) * weights).mean())
    assert np.mean(means) == pytest.approx(np.arange(13).mean())


def test_without_a_seed_nothing_is_shuffled_or_changed(examples):
    batches = Batches(examples, 5, ALL)
    images, labels, weights = map(
        np.concatenate, zip(*(batches[step] for step in range(3)), strict=True))
    np.testing.assert_array_equal(images[:13], scale(examples.images))
    np.testing.assert_array_equal(labels[:13], np.eye(3)[examples.labels])
    np.testing.assert_array_equal(weights > 0, np.arange(15) < 13)


def test_labels_of_several_classes_pass_as_they_are(examples, rng):
    labels = rng.integers(2, size=(13, 3)).astype("float32")
    several = LabelledImages(examples.images, labels, examples.classes)
    np.testing.assert_array_equal(Batches(several, 13)[0][1], labels)


def test_replicas_that_do_not_divide_the_batch(examples):
    check_error(lambda: Batches(examples, 16, share=(0, 3)), batch_size=16, replicas=3)
    with pytest.raises(ValueError, match="use batch_size=15"):
        Batches(examples, 16, share=(0, 3))


def test_no_examples(examples):
    check_error(lambda: Batches(examples.take(np.arange(0)), 5), examples=0)
