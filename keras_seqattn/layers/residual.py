"""The parts of BiT: convolutions with standardised kernels, and blocks that normalise by groups."""

import typing
from collections.abc import Sequence

import keras
from keras import ops

from keras_seqattn.errors import check_count, explain
from keras_seqattn.layers.patch import check_image
from keras_seqattn.layers.settings import Initializer
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


def _strided(input_shape, strides, filters):
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
        self.kernel = self.add_weight(
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], self.filters),
            initializer=self.kernel_initializer, autocast=False, name="kernel")

    def call(self, inputs: Tensor) -> Tensor:
        side = self.kernel_size // 2
        if side:
            inputs = ops.pad(inputs, ((0, 0), (side, side), (side, side), (0, 0)))
        kernel = ops.cast(standardise(self.kernel, self.epsilon), inputs.dtype)
        return ops.conv(inputs, kernel, self.strides, "valid", data_format="channels_last")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return _strided(input_shape, self.strides, self.filters)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable(package="keras_seqattn")
class PreActivationBottleneck(keras.layers.Layer):
    """Adds to an image what three convolutions make of it, each behind a norm over groups and ReLU.

    The first convolution narrows to a quarter of `filters`, the second strides, the third widens.
    Where size or width change, the shortcut is a projection of the normalised input.

    Args:
        filters: Number of output channels, a multiple of 4.
        strides: Step of the 3×3 convolution, in pixels.
        num_groups: Number of groups of channels that are normalised together. It divides
            `filters / 4` and the input's channels.
        epsilon: Added to the variance in the norms.

    Call arguments:
        inputs: Float, `(B, height, width, channels)`.

    Returns:
        Float, `(B, ⌈height / strides⌉, ⌈width / strides⌉, filters)`.

    Raises:
        ValueError: A size is below 1. `filters` is no multiple of 4. `num_groups` does not divide
            the channels of a norm. The input is not of rank 4.

    Example:

    >>> layer = PreActivationBottleneck(8, strides=2, num_groups=2)
    >>> tuple(layer(keras.ops.ones((2, 5, 7, 4))).shape)
    (2, 3, 4, 8)

    Masking: has none.
    Cost: about `M·channels + 9·M² + M·filters` weights with `M = filters / 4`. A projection has
    `channels·filters` more. As many multiply-adds per output pixel.
    On device: CONV_2D with constant kernels. A norm is MEAN, SUB, MUL and RSQRT of rank 4.
    Paper: He et al. 2016, "Identity Mappings in Deep Residual Networks", section 4.
    Paper: Kolesnikov et al. 2020, section 3.3.
    """

    def __init__(self, filters: int, strides: int = 1, num_groups: int = 32, epsilon: float = 1e-5,
                 **kwargs: typing.Any):
        super().__init__(**kwargs)
        check_count(filters=filters, strides=strides, num_groups=num_groups)
        if filters % 4:
            raise ValueError(explain(
                "`filters` must be a multiple of 4", filters=filters,
                fix=f"use {filters - filters % 4 + 4}"))
        self.filters = filters
        self.strides = strides
        self.num_groups = num_groups
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        channels, inner = check_image(input_shape, "PreActivationBottleneck"), self.filters // 4
        for name, width in (("channels", channels), ("filters // 4", inner)):
            if width % self.num_groups:
                raise ValueError(explain(
                    "`num_groups` must divide the channels of each norm",
                    num_groups=self.num_groups, fix="change num_groups or the width",
                    **{name: width}))

        def norm(name):
            return keras.layers.GroupNormalization(
                self.num_groups, epsilon=self.epsilon, dtype=self.dtype_policy, name=name)

        def conv(filters, size, name, strides=1):
            return StandardizedConv2D(
                filters, size, strides, dtype=self.dtype_policy, name=name)

        self.narrow_norm, self.narrow = norm("narrow_norm"), conv(inner, 1, "narrow")
        self.spatial_norm, self.spatial = norm("spatial_norm"), conv(
            inner, 3, "spatial", self.strides)
        self.widen_norm, self.widen = norm("widen_norm"), conv(self.filters, 1, "widen")
        self.projection = None
        if self.strides > 1 or channels != self.filters:
            self.projection = conv(self.filters, 1, "projection", self.strides)
            self.projection.build(input_shape)
        shape = tuple(input_shape)
        for layer in (self.narrow_norm, self.narrow, self.spatial_norm, self.spatial,
                      self.widen_norm, self.widen):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.relu(self.narrow_norm(inputs))
        shortcut = inputs if self.projection is None else self.projection(x)
        x = ops.relu(self.spatial_norm(self.narrow(x)))
        x = ops.relu(self.widen_norm(self.spatial(x)))
        return shortcut + self.widen(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return _strided(input_shape, self.strides, self.filters)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "num_groups": self.num_groups,
            "epsilon": self.epsilon,
        }


def trunk(num_layers: Sequence[int], width: int, filters: Sequence[int], num_groups: int,
          dtype: str | keras.DTypePolicy) -> list[keras.layers.Layer]:
    """Makes the layers of a residual network, from pixels to the last stage.

    Args:
        num_layers: Number of blocks of each stage. From the second stage on each halves the sides.
        width: Channels of the first convolution. It halves the sides, and so does the pooling
            behind it.
        filters: Output channels of each stage.
        num_groups: Number of groups of each norm.
        dtype: Dtype policy of the layers.

    Returns:
        The layers, to be called one after the other.
    """
    last = {"data_format": "channels_last", "dtype": dtype}
    layers = [
        StandardizedConv2D(width, 7, strides=2, dtype=dtype, name="root"),
        # Zeros, as the published weights expect: maxima near the border are not below 0.
        keras.layers.ZeroPadding2D(1, name="root_padding", **last),
        keras.layers.MaxPooling2D(3, 2, name="root_pool", **last),
    ]
    strides = [2 if stage and not i else 1 for stage, blocks in enumerate(num_layers)
               for i in range(blocks)]
    channels = [each for each, blocks in zip(filters, num_layers, strict=True)
                for _ in range(blocks)]
    return layers + [
        PreActivationBottleneck(each, stride, num_groups, dtype=dtype, name=f"block_{i}")
        for i, (each, stride) in enumerate(zip(channels, strides, strict=True))]
