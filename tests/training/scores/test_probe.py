"""`keras_seqattn.training.scores.probe`."""

import keras
import numpy as np
import pytest
from arrays import assert_close

from keras_seqattn import data
from keras_seqattn.training.scores import probe


@pytest.fixture
def drawn(rng):
    """Features of 23 images that are 5 numbers each, and their classes of 3."""
    return 3.0 * rng.normal(size=(23, 5)) + 7.0, rng.integers(3, size=23)


@pytest.mark.parametrize("penalty", [0.0, 0.3, 17.0])
def test_the_weights_solve_the_normal_equations(drawn, penalty):
    """Least squares by another road: a column of ones, and rows of the root of the penalty."""
    rows, labels = drawn
    standard = (rows - rows.mean(0)) / rows.std(0)
    targets = 2.0 * np.eye(3)[labels] - 1.0
    left = np.block([[standard, np.ones((23, 1))], [np.sqrt(penalty) * np.eye(5, 6)]])
    expected, *_ = np.linalg.lstsq(left, np.concatenate([targets, np.zeros((5, 3))]), rcond=None)
    ridge = probe.Ridge(rows, labels, 3)
    assert_close(ridge.weights(penalty), expected[:5], atol=1e-9)
    assert_close(ridge.logits(rows, penalty), left[:23] @ expected, atol=1e-9)


def test_a_huge_penalty_leaves_the_shares_of_the_classes(drawn):
    rows, labels = drawn
    shares = np.bincount(labels, minlength=3) / 23
    logits = probe.Ridge(rows, labels, 3).logits(rows, 1e15)
    assert_close(logits, np.tile(2 * shares - 1, (23, 1)), atol=1e-9)


def test_a_feature_that_never_changes_does_no_harm(drawn):
    rows, labels = drawn
    with_constant = np.concatenate([rows, np.full((23, 1), 11.0)], axis=1)
    for penalty in (0.0, 0.5):
        assert_close(probe.Ridge(with_constant, labels, 3).logits(with_constant, penalty),
                     probe.Ridge(rows, labels, 3).logits(rows, penalty), atol=1e-9)


def test_fewer_examples_than_features_are_told_apart(rng):
    rows, labels = rng.normal(size=(7, 19)), np.arange(7) % 3
    logits = probe.Ridge(rows, labels, 3).logits(rows, 0.0)
    assert_close(logits, 2.0 * np.eye(3)[labels] - 1.0, atol=1e-7)


def test_the_penalty_is_the_one_of_the_highest_accuracy():
    """Validation says the opposite of training: the more is learned, the worse."""
    rows = np.array([[-1.0], [-1.0], [-1.0], [1.0], [1.0]])
    ridge = probe.Ridge(rows, np.array([0, 0, 0, 1, 1]), 2)
    other = np.array([[1.0], [1.0], [-1.0]])
    assert probe.choose(ridge, other, np.array([0, 0, 0]), (0.0, 1.0, 1e9)) == 1e9
    assert probe.choose(ridge, other, np.array([1, 1, 0]), (0.0, 1e9)) == 0.0
    assert probe.choose(ridge, other, np.array([1, 1, 0]), (0.0, 0.5, 1e9)) == 0.5


def test_few_are_of_each_class_and_never_twice(rng):
    labels = np.array([0] * 11 + [1] * 2 + [2] * 7)
    chosen = probe.few(labels, 3, rng)
    assert np.bincount(labels[chosen]).tolist() == [3, 2, 3]
    assert len(set(chosen.tolist())) == 8
    again = probe.few(labels, 3, rng)
    assert chosen.tolist() != again.tolist()


def test_features_are_those_of_the_scaled_images(rng):
    images = rng.integers(0, 256, size=(5, 2, 3, 1), dtype="uint8")
    examples = data.LabelledImages(images, np.arange(5), tuple("abcde"))
    flat = keras.Sequential([keras.Input((2, 3, 1)), keras.layers.Flatten()])
    rows, labels = probe.features(flat, examples, batch_size=2)
    assert_close(rows, images.reshape(5, 6) / 127.5 - 1.0, atol=1e-6)
    assert labels.tolist() == [0, 1, 2, 3, 4]
