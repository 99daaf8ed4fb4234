"""Activations of other projects that Keras knows by no name of its own."""

import math
from collections.abc import Callable

import keras
from keras import ops

from keras_seqattn.shapes import Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
def gelu_tanh(x: Tensor) -> Tensor:
    """GELU by its tanh formula, up to 5e-4 off. JAX's and GPT-2's models have it.

    >>> round(float(gelu_tanh(keras.ops.ones(()))), 4)
    0.8412
    """
    return keras.activations.gelu(x, approximate=True)


@keras.saving.register_keras_serializable(package="keras_seqattn")
def quick_gelu(x: Tensor) -> Tensor:
    """GELU by a logistic function, `x·σ(1.702·x)`, up to 0.02 off. ImageGPT and CLIP have it.

    >>> round(float(quick_gelu(keras.ops.ones(()))), 4)
    0.8458
    """
    return x * keras.ops.sigmoid(1.702 * x)


def by_erf(activation: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Returns an activation, but for GELU the same by `erf`, in float32 or wider.

    JAX's GELU takes `erfc`. XLA finds that too costly to compute again, and keeps it for the
    gradient: a second array of the size of the input. Both agree to 1e-7.

    >>> by_erf(keras.activations.relu) is keras.activations.relu
    True
    """
    return _gelu_by_erf if activation is keras.activations.gelu else activation


def _gelu_by_erf(x):
    wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    return ops.cast(0.5 * wide * (1.0 + ops.erf(wide * math.sqrt(0.5))), x.dtype)
