"""Convolutions whose kernels have mean 0 and variance 1."""

import typing

import keras
from keras import ops

from keras_seqattn.errors import check_count, explain
from keras_seqattn.layers.fitting import check_width
from keras_seqattn.layers.patch import check_image
from keras_seqattn.layers.settings import Initializer
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor


def standardise(kernel: Tensor, epsilon: float) -> Tensor:
    """Brings what each output channel reads to mean 0 and variance 1.

    Args:
        kernel: Float, `(…, channels, filters)`.
        epsilon: Added to the variance.

    Returns:
        Float, of the shape of `kernel`. It is `(w - mean) / √(variance + epsilon)` over all axes
        but the last.
    """
    axes = tuple(range(len(kernel.shape) - 1))
    kernel = kernel - ops.mean(kernel, axis=axes, keepdims=True)
    return kernel * ops.rsqrt(ops.mean(kernel * kernel, axis=axes, keepdims=True) + epsilon)


def strided_shape(input_shape: Shape, strides: int, filters: int) -> Shape:
    """Shape of an image after a step of `strides` pixels, with half a kernel of padding."""
    batch, *sides, _ = input_shape
    return (batch, *(None if side is None else -(-side // strides) for side in sides), filters)


@keras.saving.register_keras_serializable(package="keras_seqattn")
class StandardizedConv2D(keras.layers.Layer):
    """Convolves an image with kernels of mean 0 and variance 1, padded alike on all sides.

    Together with norms over groups it trains as well as batch normalisation. The batch may be
    divided among devices in any way. Keras' `padding="same"` pads otherwise where it strides.

    Args:
        filters: Number of output channels.
        kernel_size: Side of the square kernel, in pixels. It is odd.
        strides: Step of the kernel, in pixels.
        epsilon: Added to the variance of a kernel.
        kernel_initializer: Initialiser of the kernel.

    Call arguments:
        inputs: Float, `(B, height, width, channels)`.

    Returns:
        Float, `(B, ⌈height / strides⌉, ⌈width / strides⌉, filters)`.

    Raises:
        ValueError: A size is below 1. `kernel_size` is even. The input is not of rank 4.

    Example:

    >>> tuple(StandardizedConv2D(5, 3, strides=2)(keras.ops.ones((2, 7, 8, 3))).shape)
    (2, 4, 4, 5)

    Masking: has none.
    Cost: `kernel_size²·channels·filters` weights, as many multiply-adds per output pixel.
    On device: CONV_2D of the standardised kernel. A PAD stands before it where it strides.
    Paper: Qiao et al. 2019, "Micro-Batch Training with Batch-Channel Normalization and Weight
    Standardization", section 3.
    Paper: Kolesnikov et al. 2020, section 3.3, where the layer has no bias either.
    """

    @plain_numbers
    def __init__(self, filters: int, kernel_size: int, strides: int = 1, epsilon: float = 1e-10,
                 kernel_initializer: Initializer = "he_normal", **kwargs: typing.Any):
        super().__init__(**kwargs)
        check_count(filters=filters, kernel_size=kernel_size, strides=strides)
        if kernel_size % 2 == 0:
            raise ValueError(explain(
                "`kernel_size` must be odd, to be padded alike on all sides",
                kernel_size=kernel_size, fix="use 1, 3, 5 or 7"))
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Shape) -> None:
        check_image(input_shape, "StandardizedConv2D")
        self._built_shape = tuple(input_shape)
        self.kernel = self.add_weight(
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], self.filters),
            initializer=self.kernel_initializer, autocast=False, name="kernel")

    def call(self, inputs: Tensor) -> Tensor:
        check_width("StandardizedConv2D", self._built_shape, inputs=inputs)
        if side := self.kernel_size // 2:
            inputs = ops.pad(inputs, ((0, 0), (side, side), (side, side), (0, 0)))
        kernel = ops.cast(standardise(self.kernel, self.epsilon), inputs.dtype)
        return ops.conv(inputs, kernel, self.strides, "valid", data_format="channels_last")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return strided_shape(input_shape, self.strides, self.filters)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
