"""The blocks of BiT, which normalise by groups of channels."""

import typing
from collections.abc import Sequence

import keras
from keras import ops

from keras_seqattn.errors import check_count, explain
from keras_seqattn.layers.fitting import check_width
from keras_seqattn.layers.patch import check_image
from keras_seqattn.layers.standardized_convolution import StandardizedConv2D, strided_shape
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor


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
        kernel_epsilon: Added to the variance of a kernel.

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

    @plain_numbers
    def __init__(self, filters: int, strides: int = 1, num_groups: int = 32, epsilon: float = 1e-5,
                 kernel_epsilon: float = 1e-10, **kwargs: typing.Any):
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
        self.kernel_epsilon = kernel_epsilon

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
                filters, size, strides, self.kernel_epsilon, dtype=self.dtype_policy, name=name)

        self.narrow_norm, self.narrow = norm("narrow_norm"), conv(inner, 1, "narrow")
        self.spatial_norm, self.spatial = norm("spatial_norm"), conv(
            inner, 3, "spatial", self.strides)
        self.widen_norm, self.widen = norm("widen_norm"), conv(self.filters, 1, "widen")
        self.projection = None
        if self.strides > 1 or channels != self.filters:
            self.projection = conv(self.filters, 1, "projection", self.strides)
            self.projection.build(input_shape)
        self._built_shape = shape = tuple(input_shape)
        for layer in (self.narrow_norm, self.narrow, self.spatial_norm, self.spatial,
                      self.widen_norm, self.widen):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, inputs: Tensor) -> Tensor:
        check_width("PreActivationBottleneck", self._built_shape, inputs=inputs)
        x = ops.relu(self.narrow_norm(inputs))
        shortcut = inputs if self.projection is None else self.projection(x)
        x = ops.relu(self.spatial_norm(self.narrow(x)))
        x = ops.relu(self.widen_norm(self.spatial(x)))
        return shortcut + self.widen(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return strided_shape(input_shape, self.strides, self.filters)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "num_groups": self.num_groups,
            "epsilon": self.epsilon,
            "kernel_epsilon": self.kernel_epsilon,
        }


def trunk(num_layers: Sequence[int], width: int, filters: Sequence[int], num_groups: int,
          dtype: str | keras.DTypePolicy, kernel_epsilon: float = 1e-10,
          ) -> list[keras.layers.Layer]:
    """Makes the layers of a residual network, from pixels to the last stage.

    Args:
        num_layers: Number of blocks of each stage. From the second stage on each halves the sides.
        width: Channels of the first convolution. It halves the sides, and so does the pooling
            behind it.
        filters: Output channels of each stage.
        num_groups: Number of groups of each norm.
        dtype: Dtype policy of the layers.
        kernel_epsilon: Added to the variance of each kernel.

    Returns:
        The layers, to be called one after the other.
    """
    last = {"data_format": "channels_last", "dtype": dtype}
    layers = [
        StandardizedConv2D(width, 7, 2, kernel_epsilon, dtype=dtype, name="root"),
        # Zeros, as the published weights expect: maxima near the border are not below 0.
        keras.layers.ZeroPadding2D(1, name="root_padding", **last),
        keras.layers.MaxPooling2D(3, 2, name="root_pool", **last),
    ]
    strides = [2 if stage and not i else 1 for stage, blocks in enumerate(num_layers)
               for i in range(blocks)]
    channels = [each for each, blocks in zip(filters, num_layers, strict=True)
                for _ in range(blocks)]
    return layers + [
        PreActivationBottleneck(each, stride, num_groups, kernel_epsilon=kernel_epsilon,
                                dtype=dtype, name=f"block_{i}")
        for i, (each, stride) in enumerate(zip(channels, strides, strict=True))]
