"""Single layers from the arrays of PyTorch's projects, by hand."""

import keras
import numpy as np
import pytest

from keras_seqattn.checkpoints.weights.layers import (
    fill,
    fill_norm,
    fill_side_by_side,
    linear,
)
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.testing import check_error


def _dense(inputs, outputs):
    dense = keras.layers.Dense(outputs)
    dense.build((None, inputs))
    return dense


@pytest.mark.parametrize("transposed", [True, False])
def test_a_dense_layer(transposed):
    kernel = np.arange(6.0).reshape(2, 3)
    state = State({"a.weight": kernel.T if transposed else kernel, "a.bias": np.array([2.0, 3, 5])})
    dense = _dense(2, 3)
    fill(dense, *linear(state, "a", 2, 3, transposed=transposed))
    np.testing.assert_array_equal(dense(np.array([[1.0, 10.0]])), [[32.0, 44.0, 57.0]])
    state.finish()


def test_a_layer_without_a_bias_keeps_its_own():
    kernel, bias = linear(State({"a.weight": np.ones((3, 2))}), "a", 2, 3, use_bias=False)
    assert (kernel.shape, bias) == ((2, 3), None)


def test_layers_side_by_side():
    state = State({"a.weight": np.arange(12.0).reshape(2, 6), "a.bias": np.arange(6.0)})
    denses = tuple(_dense(2, 2) for _ in range(3))
    fill_side_by_side(denses, state, "a", 2)
    np.testing.assert_array_equal(denses[1].kernel, [[2, 3], [8, 9]])
    np.testing.assert_array_equal(denses[2].bias, [4, 5])
    state.finish()


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_norm(use_bias):
    norm = keras.layers.LayerNormalization()
    norm.build((None, 3))
    state = State({"n.weight": np.array([2.0, 3, 5])} | (
        {"n.bias": np.array([7.0, 11, 13])} if use_bias else {}))
    fill_norm(norm, state, "n", 3, use_bias)
    np.testing.assert_array_equal(norm.gamma, [2, 3, 5])
    np.testing.assert_array_equal(norm.beta, [7, 11, 13] if use_bias else [0, 0, 0])
    state.finish()


def test_arrays_that_do_not_fit():
    state = State({"a.weight": np.ones((2, 5)), "a.bias": np.ones(6)})
    check_error(lambda: fill_side_by_side((_dense(2, 2),) * 3, state, "a", 2), key="a.weight",
                shape=(2, 5), expected=(2, 6))
