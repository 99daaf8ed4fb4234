"""`keras_seqattn.layers.tokens`."""

import numpy as np
import pytest
from arrays import array

from keras_seqattn.layers import ClassToken, FirstTokens
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize("kwargs", [{}, {"initializer": "ones"}, {"num_tokens": 3}])
def test_contract(kwargs):
    check_layer(ClassToken, kwargs, (2, 7, 11), (2, 7 + kwargs.get("num_tokens", 1), 11), 1)


def test_first_contract():
    check_layer(FirstTokens, {"num_tokens": 3}, (2, 7, 11), (2, 3, 11), 0, keeps_mask=False)


@pytest.mark.parametrize("num_tokens", [1, 2])
def test_tokens_stand_in_front_and_are_real(rng, num_tokens):
    x = rng.normal(size=(2, 5, 3)).astype("float32")
    layer = ClassToken(initializer="ones", num_tokens=num_tokens)
    output = array(layer(x))
    np.testing.assert_array_equal(output[:, :num_tokens], np.ones((2, num_tokens, 3)))
    np.testing.assert_array_equal(output[:, num_tokens:], x)
    np.testing.assert_array_equal(array(FirstTokens(num_tokens)(output)), output[:, :num_tokens])
    mask = layer.compute_mask(x, np.array([[True, False, True, False, False]] * 2))
    assert array(mask)[0].tolist() == [True] * num_tokens + [True, False, True, False, False]


def test_a_sequence_is_needed():
    check_error(lambda: ClassToken()(np.zeros((2, 3), "float32")), input_shape=(2, 3))
    check_error(lambda: FirstTokens()(np.zeros((2, 3), "float32")), input_shape=(2, 3))


def test_more_tokens_than_there_are():
    check_error(lambda: FirstTokens(7)(np.zeros((2, 5, 3), "float32")), num_tokens=7, length=5)


@pytest.mark.parametrize("layer", [ClassToken, FirstTokens])
def test_wrong_arguments(layer):
    check_error(lambda: layer(num_tokens=0), num_tokens=0)
