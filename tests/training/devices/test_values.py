"""`keras_seqattn.training.devices.values`; on several processes `test_strategy.py` trains."""

import keras
import numpy as np
from keras import ops

from keras_seqattn.training.devices import values


def test_a_variable_of_this_process_takes_a_value():
    variable = keras.Variable(np.zeros((2, 3), "float32"))
    values.assign(variable, np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(ops.convert_to_numpy(variable), [[0, 1, 2], [3, 4, 5]])
    assert variable.dtype == "float32"


def test_a_model_of_this_process_stays_as_it_is():
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    before = [weight.value for weight in model.weights]
    with values.of_this_process(model):
        assert all(weight.value is value
                   for weight, value in zip(model.weights, before, strict=True))
