"""Layer normalisation that reads its input once, where training on JAX in less than 32 bits."""

import keras
from keras import ops

from keras_seqattn.kernels.product import serves
from keras_seqattn.shapes import Tensor


def normalise(norm: keras.layers.Layer, x: Tensor, training: bool | None) -> Tensor:
    """Applies a norm, in training by mean and mean square, which one pass finds together.

    Keras finds the mean in a first pass and the variance in a second one, and so do the gradients.
    The variance as a difference is off by about `6e-8·mean²/variance` of itself. An input of
    bfloat16 or float16 is off by more. So float32 inputs keep the two passes.

    Args:
        norm: Built layer.
        x: Float, `(…, D)`.
        training: Whether gradients will be taken.

    Returns:
        What `norm(x)` returns, up to rounding.
    """
    if not (training and serves(x) and type(norm) is keras.layers.LayerNormalization
            and norm.gamma is not None and norm.beta is not None and len(norm.gamma.shape) == 1):
        return norm(x)
    wide = ops.cast(x, "float32")
    mean = ops.mean(wide, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(wide), axis=-1, keepdims=True) - ops.square(mean)
    factor = ops.rsqrt(ops.maximum(variance, 0.0) + norm.epsilon)
    gamma, beta = (ops.cast(each, "float32") for each in (norm.gamma, norm.beta))
    return ops.cast((wide - mean) * (factor * gamma) + beta, norm.compute_dtype)
