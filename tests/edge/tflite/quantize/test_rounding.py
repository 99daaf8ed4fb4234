"""`keras_seqattn.edge.tflite.quantize.rounding`: grids by hand and against brute force."""

import itertools
import tracemalloc

import numpy as np
import pytest

from keras_seqattn.edge.tflite.quantize import rounding
from keras_seqattn.edge.tflite.quantize.rounding import snap


def levels_of(weights, steps):
    levels = weights / steps
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    return np.rint(levels)


@pytest.mark.parametrize(("bits", "top"), [(8, 127), (4, 7)])
@pytest.mark.parametrize("with_hessian", [False, True])
def test_rows_lie_on_grids_that_their_largest_weights_tell(rng, bits, top, with_hessian):
    weights = rng.normal(size=(5, 37)).astype("float32")
    x = rng.normal(size=(101, 37)) @ rng.normal(size=(37, 37))
    snapped = snap(weights, bits, hessian=x.T @ x / 101 if with_hessian else None)
    assert snapped.dtype == "float32"
    steps = np.abs(snapped).max(axis=1, keepdims=True) / top
    levels = levels_of(snapped, steps)
    assert np.abs(levels).max() == top
    assert np.abs(snapped - weights).max() < 3 * steps.max()


def test_blocks_have_grids_of_their_own(rng):
    weights = rng.normal(size=(3, 96)) * np.repeat([1.0, 100.0, 0.01], 32)
    blocks = snap(weights, 4, block=32).reshape(3, 3, 32)
    steps = np.abs(blocks).max(axis=2, keepdims=True) / 7
    levels_of(blocks, steps)
    error = np.abs(blocks - weights.reshape(3, 3, 32))
    assert (error <= 4 * steps).all()
    assert np.median(error / steps) < 0.5


def test_eight_bits_round_to_the_nearest_by_hand():
    np.testing.assert_allclose(
        snap(np.array([[127.0, 3.4, -2.6, 0.2]]), 8), [[127, 3, -3, 0]], atol=1e-12)


def test_carried_errors_hurt_the_output_less_than_nearest_rounding(rng):
    x = rng.normal(size=(301, 24)) @ rng.normal(size=(24, 24)) / 5
    weights = rng.normal(size=(7, 24))
    hessian = x.T @ x / len(x)

    def hurt(snapped):
        return np.square(x @ (snapped - weights).T).mean()

    assert hurt(snap(weights, 4, hessian=hessian)) < 0.8 * hurt(snap(weights, 4))


def test_carried_errors_against_every_rounding(rng):
    """Of all roundings up and down of six weights, the carried one is among the best fifth."""
    x = rng.normal(size=(53, 6)) @ rng.normal(size=(6, 6))
    hessian = x.T @ x / 53
    weights = rng.uniform(-100, 100, size=(1, 6))
    weights[0, 0] = 127
    snapped = snap(weights, 8, hessian=hessian)
    every = [np.where(up, np.ceil(weights), np.floor(weights))
             for up in itertools.product([False, True], repeat=6)]
    hurts = sorted(np.square(x @ (each - weights).T).mean() for each in every)
    assert np.square(x @ (snapped - weights).T).mean() < hurts[len(hurts) // 5]


def test_a_row_of_zeros_stays(rng):
    weights = np.zeros((2, 32))
    weights[1] = rng.normal(size=32)
    np.testing.assert_allclose(snap(weights, 8)[0], 0, atol=1e-8)


def test_the_bias_of_a_row_of_zeros_fits_into_32_bits():
    """In steps of the row times an input's step of a thousandth."""
    bias = np.array([3.0, -500.0])
    steps = np.abs(snap(np.zeros((2, 7)), 8, bias=bias)).max(axis=1) / 127
    assert (np.abs(bias) / (steps * 1e-3) < 2 ** 31).all()
    assert (127 * steps < 2e-4 * np.abs(bias)).all()


def test_a_block_of_zeros_has_a_step(rng):
    weights = rng.normal(size=(3, 64))
    weights[1, 32:] = 0
    snapped = snap(weights, 4, block=32)
    assert np.abs(snapped[1, 32:]).max() == 7 * 2.0 ** -24
    assert np.count_nonzero(snapped[1, 32:]) == 1


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("with_hessian", [False, True])
def test_rows_do_not_depend_on_those_they_are_rounded_with(rng, monkeypatch, bits, with_hessian):
    weights = rng.normal(size=(13, 64)).astype("float32")
    x = rng.normal(size=(101, 64))
    hessian = x.T @ x / 101 if with_hessian else None
    whole = rounding.snap(weights, bits, 32, hessian)
    monkeypatch.setattr(rounding, "CHUNK", 3 * 64)
    monkeypatch.setattr(rounding, "ROWS", 5)
    monkeypatch.setattr(rounding, "COLUMNS", 7)
    np.testing.assert_allclose(rounding.snap(weights, bits, 32, hessian), whole, rtol=1e-6)


def test_errors_are_carried_as_the_paper_has_it(rng):
    """Algorithm 1 of Frantar et al. in float64, a column at a time, with the whole inverse."""
    x = rng.normal(size=(211, 96)) @ rng.normal(size=(96, 96))
    hessian, weights = x.T @ x / 211, rng.normal(size=(7, 96))
    steps = np.full((7, 3, 1), 0.3)
    carry = rounding._Carry(hessian, 0.01)
    actual = carry.levels(weights.reshape(7, 3, 32).astype("float32"), steps.astype("float32"), 7)

    damped = hessian + 0.01 * np.mean(np.diag(hessian)) * np.eye(96)
    order = np.argsort(-np.diag(hessian))
    upper = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    left, expected = weights[:, order].copy(), np.empty((7, 96))
    for i in range(96):
        expected[:, order[i]] = np.clip(np.rint(left[:, i] / 0.3), -7, 7)
        error = (left[:, i] - 0.3 * expected[:, order[i]]) / upper[i, i]
        left[:, i:] -= np.outer(error, upper[i, i:])
    assert np.mean(actual.reshape(7, 96) != expected) < 0.01


def test_the_inverse_of_a_triangle(rng):
    upper = np.triu(rng.normal(size=(149, 149))) + 20 * np.eye(149)
    np.testing.assert_allclose(rounding._inverse(upper) @ upper, np.eye(149), atol=1e-12)


def test_memory_is_that_of_the_result(rng):
    weights = rng.normal(size=(1024, 1024)).astype("float32")
    tracemalloc.start()
    try:
        rounding.snap(weights, 4, 32)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.4 * weights.nbytes
