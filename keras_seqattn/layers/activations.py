"""Activations of other projects that Keras knows by no name of its own."""

import keras

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
