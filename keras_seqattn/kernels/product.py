"""Products with weights, whose gradients are made and summed between devices in float32.

A gradient of a bfloat16 product is bfloat16, too. Where the examples of a batch lie on several
devices, each makes a part of it, and XLA sums the parts as they are: rounded. The functions here
make the part in float32, so it is summed in float32. Numbers forward are those of plain products.
"""

import functools
import typing

import keras
from keras import ops

from keras_seqattn.shapes import Shape, Tensor

HALVES = ("bfloat16", "float16")


def serves(x: Tensor) -> bool:
    """Whether `x` is an array of JAX of less than 32 bits, of which this file makes products."""
    return (keras.backend.backend() == "jax" and not isinstance(x, keras.KerasTensor)
            and keras.backend.standardize_dtype(x.dtype) in HALVES)


def product(x: Tensor, kernel: Tensor, num_read: int = 1) -> Tensor:
    """Multiplies the last axes of `x` with the first of a kernel.

    Args:
        x: Float array of JAX, `(…, *read)`.
        kernel: Float array of the same dtype, `(*read, *made)`.
        num_read: Number of axes that are read.

    Returns:
        Float, `(…, *made)`.

    Cost: the product. Its gradients are two products without a change of layout.
    """
    return (_made().product if serves(x) else ops.tensordot)(x, kernel, num_read)


def convolve(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Convolves images without padding, on JAX in less than 32 bits.

    Args:
        x: Float, `(B, height, width, channels)`.
        kernel: Float array of the same dtype, `(rows, columns, channels, made)`.
        stride: Step between two windows, in pixels.

    Returns:
        Float, `(B, rows of windows, columns of windows, made)`.
    """
    return _made().convolve(x, kernel, stride)


def spread(weight: Tensor, like: Tensor) -> Tensor:
    """Repeats a weight along the axes that it lacks, in the dtype of what it is added to.

    Args:
        weight: Float, its shape broadcasts to that of `like`.
        like: Float.

    Returns:
        Float. On JAX in less than 32 bits it has the shape of `like`, so that the sum over the
        repetitions, which is the gradient, is taken in float32. Elsewhere it is the weight.
    """
    weight = ops.cast(weight, like.dtype)
    return _made().spread(weight, like.shape) if serves(like) else weight


class _Made(typing.NamedTuple):
    product: typing.Callable[[Tensor, Tensor, int], Tensor]
    convolve: typing.Callable[[Tensor, Tensor, int], Tensor]
    spread: typing.Callable[[Tensor, Shape], Tensor]


@functools.cache
def _made() -> _Made:
    """The functions that need JAX, which is imported where it is the backend."""
    import jax
    from jax import numpy as jnp

    def multiply(x, kernel, num_read):
        return jnp.tensordot(x, kernel, num_read)

    def multiply_back(num_read, kept, gradient):
        x, kernel = kept
        free, axes = tuple(range(x.ndim - num_read)), range(gradient.ndim)
        back = jnp.tensordot(
            gradient, kernel, (tuple(axes[len(free):]), tuple(range(num_read, kernel.ndim))))
        sums = jnp.tensordot(x, gradient, (free, free), preferred_element_type="float32")
        return back, sums.astype(kernel.dtype)

    def slide(x, kernel, stride):
        return jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def slide_back(stride, kept, gradient):
        x, kernel = kept
        _, back = jax.vjp(lambda x: slide(x, kernel, stride), x)
        _, sums = jax.vjp(lambda kernel: slide(x.astype("float32"), kernel, stride),
                          kernel.astype("float32"))
        return (*back(gradient), sums(gradient.astype("float32"))[0].astype(kernel.dtype))

    def repeat(weight, shape):
        return jnp.broadcast_to(weight, shape)

    def repeat_back(shape, kept, gradient):
        weight, = kept
        lacking = len(shape) - weight.ndim
        ones = tuple(lacking + axis for axis, size in enumerate(weight.shape)
                     if size != shape[lacking + axis])
        sums = jnp.sum(gradient, (*range(lacking), *ones), dtype="float32")
        # Without the barrier XLA rounds the parts of the devices before it sums them.
        sums = jax.lax.optimization_barrier(sums.reshape(weight.shape))
        return (sums.astype(weight.dtype),)

    def with_gradient(function, back, setting):
        made = jax.custom_vjp(function, nondiff_argnums=(setting,))
        made.defvjp(lambda *given: (function(*given), given[:setting]), back)
        return made

    return _Made(with_gradient(multiply, multiply_back, 2), with_gradient(slide, slide_back, 2),
                 with_gradient(repeat, repeat_back, 1))
