"""`keras_seqattn.edge.check.drawn`: what is drawn fits the model, and every length is tried."""

import numpy as np
import pytest

from keras_seqattn.edge.check.drawn import LENGTHS, Reading, draw, padded_copies
from keras_seqattn.edge.structures import Port

REAL = [13, 13, 13, 13, 10, 7, 4, 1]   # of 13 positions


def one(dtype, reading, shape=(1, 13), seed=0):
    return draw([Port("x", shape, dtype)], {"x": reading}, seed)["x"]


@pytest.mark.parametrize(("dtype", "reading", "values"), [
    ("int32", Reading(bound=5), range(5)),
    ("int64", Reading(bound=5), range(5)),
    ("float32", Reading(bound=5), range(5)),
    ("int32", Reading(), range(2)),
    ("bool", Reading(), range(2)),
])
def test_ids_are_those_that_are_known(dtype, reading, values):
    array = one(dtype, reading)
    assert (array.dtype, array.shape) == (dtype, (8, 13))
    assert set(array.ravel().tolist()) == set(values)


def test_numbers_and_pixels_reach_far():
    floats, pixels = one("float32", Reading()), one("uint8", Reading(), (1, 5, 7, 3))
    assert -1 <= floats.min() < -0.9 < 0.9 < floats.max() < 1
    assert pixels.min() < 3 < 252 < pixels.max()
    assert (one("float32", Reading(), seed=1) != floats).all()


@pytest.mark.parametrize(("dtype", "reading", "shape"), [
    ("int32", Reading(bound=11, padding=0.0), (1, 13)),
    ("int32", Reading(bound=11, padding=0.0), (1, 3, 13)),
    ("float32", Reading(padding=-1.0), (1, 13, 3)),
    ("bool", Reading(masks=True), (1, 13)),
    ("int32", Reading(masks=True), (1, 13)),
    ("float32", Reading(masks=True), (1, 13)),
])
def test_half_of_the_rows_are_padded_each_behind_another_position(dtype, reading, shape):
    array = one(dtype, reading, shape)
    real = array != (reading.padding or 0)
    places = np.moveaxis(real, 1 if shape[-1] == 3 else -1, 1).reshape(8, 13, -1)
    assert places.all(axis=2).sum(axis=1).tolist() == REAL
    assert places.any(axis=2).sum(axis=1).tolist() == REAL     # and all at the end
    assert (np.diff(places.all(axis=2).astype(int), axis=1) <= 0).all()


def test_who_may_read_whom_is_never_nobody():
    mask = one("bool", Reading(masks=True), (1, 5, 13))
    assert mask[..., 0].all()
    assert not mask[0].all()
    assert not mask[-1, :, 1:].any()


@pytest.mark.parametrize(("reading", "array"), [
    (Reading(bound=11, padding=0.0), np.arange(1, 14)[None].repeat(3, 0)),
    (Reading(padding=-1.0), np.arange(39.0).reshape(1, 13, 3)),
    (Reading(masks=True), np.ones((5, 13), "bool")),
])
def test_copies_of_what_is_not_padded(reading, array):
    copies = padded_copies({"x": array, "y": np.arange(len(array))}, {"x": reading})
    rows = np.resize(np.arange(len(array)), 4)
    assert copies["y"].tolist() == rows.tolist()
    for copy, row, real in zip(copies["x"], rows, REAL[4:], strict=True):
        np.testing.assert_array_equal(copy[:real], array[row, :real])
        assert (copy[real:] == (reading.padding or 0)).all()


@pytest.mark.parametrize(("reading", "array"), [
    (Reading(), np.ones((5, 13))),
    (Reading(bound=11), np.ones((5, 13))),
    (Reading(bound=11, padding=0.0), np.array([[3, 5, 0], [3, 5, 7]])),
    (Reading(padding=-1.0), np.array([[[3.0, 5.0], [-1.0, -1.0]]])),
    (Reading(masks=True), np.array([[True, False], [True, True]])),
    (Reading(bound=11, padding=0.0), np.ones((5, 1))),
])
def test_no_copies(reading, array):
    assert padded_copies({"x": array}, {"x": reading}) is None


def test_a_value_of_padding_in_one_feature_is_no_padding():
    array = np.full((1, 13, 3), 2.0)
    array[0, 5, 1] = -1.0
    assert padded_copies({"x": array}, {"x": Reading(padding=-1.0)}) is not None


def test_there_is_a_row_for_each_length():
    assert len(one("float32", Reading())) == len(LENGTHS) == 8
