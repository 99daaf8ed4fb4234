"""`keras_seqattn.layers.activations`."""

import keras
import numpy as np
import pytest
from arrays import array
from keras import ops
from tolerances import FLOAT32

from keras_seqattn.layers import gelu_tanh, quick_gelu
from keras_seqattn.layers.activations import by_erf


def test_gelu_by_hand():
    """Hendrycks and Gimpel 2016, section 2: 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))."""
    x = np.array([-1.5, 0.0, 0.7])
    expected = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))
    np.testing.assert_allclose(array(gelu_tanh(ops.convert_to_tensor(x))), expected, atol=FLOAT32)


def test_quick_gelu_by_hand():
    """Hendrycks and Gimpel 2016, section 2: x σ(1.702 x)."""
    x = np.array([-1.5, 0.0, 0.7])
    np.testing.assert_allclose(array(quick_gelu(ops.convert_to_tensor(x))),
                               x / (1 + np.exp(-1.702 * x)), atol=FLOAT32)


def test_gelu_by_erf_is_gelu():
    x = ops.linspace(-9.0, 9.0, 997)
    np.testing.assert_allclose(array(by_erf(keras.activations.gelu)(x)),
                               array(keras.activations.gelu(x)), atol=1e-6)
    half = by_erf(keras.activations.gelu)(ops.cast(x, "bfloat16"))
    assert keras.backend.standardize_dtype(half.dtype) == "bfloat16"


@pytest.mark.parametrize("activation", [gelu_tanh, quick_gelu])
def test_a_saved_layer_finds_it(activation):
    assert keras.activations.get(keras.activations.serialize(activation)) is activation
