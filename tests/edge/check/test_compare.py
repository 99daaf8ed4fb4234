"""`keras_seqattn.edge.check.compare`: by hand, and what each measure must not notice."""

import numpy as np
import pytest

from keras_seqattn.edge.check import compare


def test_cosine_is_that_of_the_worst_example():
    expected = np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]])
    actual = np.array([[2.0, 0.0], [4.0, 3.0], [0.0, 2.0]])
    assert compare.cosine(expected, actual) == pytest.approx(0.96)
    assert compare.cosine(expected, np.zeros_like(actual)) == 0.0
    assert compare.cosine(expected, -expected) == pytest.approx(-1.0)


def test_divergence_ignores_a_shift_of_all_logits_and_nothing_else(rng):
    logits = rng.normal(size=(5, 7))
    assert compare.kl_divergence(logits, logits + 1000.0) == pytest.approx(0.0, abs=1e-12)
    assert compare.kl_divergence(logits, 2.0 * logits) > 0.01


def test_agreement_counts_sets_of_classes():
    expected = np.array([[7, 6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6, 7]])
    actual = np.array([[3, 4, 5, 6, 7, 2, 1], [7, 2, 3, 4, 5, 6, 1]])
    assert compare.agreement(expected, actual) == 0.0
    assert compare.agreement(expected, actual, top=5) == 0.5


def test_a_nan_is_an_error():
    assert np.isnan(compare.largest_error(np.zeros(3), np.array([0.0, np.nan, 0.0])))
