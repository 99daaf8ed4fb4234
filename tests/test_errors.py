"""`keras_seqattn.errors`."""

import numpy as np
import pytest

from keras_seqattn.errors import check_count, check_sequence, check_share, explain, nearest
from keras_seqattn.testing import check_error


def test_explain_names_rule_values_and_remedy():
    assert explain("`a` must fit", a=(1, 2), b="x", fix="change b") == (
        "`a` must fit. Received: a=(1, 2), b='x'. To fix: change b.")


@pytest.mark.parametrize(("name", "start"), [
    ("huge ", "did you mean 'huge'"), ("lagre", "did you mean 'large'"), ("qqq", "use one of")])
def test_nearest_finds_what_was_meant(name, start):
    assert nearest(name, ["huge", "large", "tiny"]).startswith(start)


@pytest.mark.parametrize("value", [0, 0.0, 0.999, np.float32(0.5)])
def test_shares(value):
    check_share(rate=float(value))


@pytest.mark.parametrize(("value", "kind"), [
    (1, ValueError), (-1e-9, ValueError), (float("nan"), ValueError), ("0.1", TypeError),
    (None, TypeError), (True, TypeError)])
def test_no_shares(value, kind):
    check_error(lambda: check_share(rate=value), kind, rate=value)


@pytest.mark.parametrize("value", [1, 7, np.int64(3)])
def test_counts(value):
    check_count(size=value)


@pytest.mark.parametrize(("value", "kind"), [
    (0, ValueError), (-1, ValueError), (1.0, TypeError), (None, TypeError), (True, TypeError)])
def test_no_counts(value, kind):
    check_error(lambda: check_count(size=value), kind, size=value)


@pytest.mark.parametrize("shape", [(), (5,), (2, 5), (2, 5, None), (2, 5, 7, 3)])
def test_no_sequences(shape):
    assert check_sequence((None, None, 7), "Layer") == 7
    check_error(lambda: check_sequence(shape, "Layer"), input_shape=shape)
