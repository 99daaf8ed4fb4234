"""`keras_seqattn.training.devices.loans`: a loan still means what it is taken for."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_seqattn.errors import LoanError
from keras_seqattn.training.devices import loans


def test_variables_hold_other_tensors_for_a_while_even_through_an_error():
    dense = keras.layers.Dense(3, kernel_initializer="ones")
    dense.build((None, 5))
    x = np.ones((2, 5), "float32")
    if keras.backend.backend() != "jax":
        pytest.skip("the loan is taken on JAX")
    def fail_within():
        with loans.holding(dense.trainable_weights, [2 * ops.ones((5, 3)), ops.ones(3)]):
            np.testing.assert_array_equal(dense(x), np.full((2, 3), 11.0))
            raise KeyError

    with pytest.raises(KeyError):
        fail_within()
    np.testing.assert_array_equal(dense(x), np.full((2, 3), 5.0))


def test_a_keras_without_it_is_refused():
    with pytest.raises(LoanError, match=r"Variable\._value"), loans.holding([object()], [3]):
        raise AssertionError("not reached")
