"""`keras_seqattn.plain`."""

import inspect

import numpy as np
import pytest

from keras_seqattn.plain import plain, plain_numbers


@pytest.mark.parametrize(("given", "wanted"), [
    (np.int64(3), 3), (np.float32(0.5), 0.5), (np.bool_(True), True), (np.array(7), 7),
    ((np.int32(2), [np.float64(0.25)]), (2, [0.25])), ("mean", "mean"), (None, None)])
def test_numbers_of_numpy_become_plain(given, wanted):
    found = plain(given)
    assert found == wanted
    assert type(found) is type(wanted)


def test_an_array_with_axes_stays():
    given = np.arange(3)
    assert plain(given) is given


def test_a_function_keeps_its_signature_and_gets_plain_numbers():
    def function(first, *, second=5):
        return type(first), type(second)

    assert inspect.getfullargspec(plain_numbers(function)) == inspect.getfullargspec(function)
    assert plain_numbers(function)(np.int64(1), second=np.float32(2)) == (int, float)
