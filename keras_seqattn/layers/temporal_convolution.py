"""A convolution in time that can be interrupted: what it has read is an argument."""

import typing

import keras
from keras import ops

from keras_seqattn.layers.settings import Initializer
from keras_seqattn.shapes import Shape, Tensor


class TemporalConv1D(keras.layers.Layer):
    """A dilated convolution in time, over what came before or over what stands around.

    Before the first step are zeros, or the end of an earlier chunk.

    Args:
        filters: Width of the output.
        kernel_size: Number of steps that are read, at least 2.
        dilation_rate: Distance between them, in steps.
        weight_norm: Whether direction and length of each filter are learned apart (Salimans &
            Kingma 2016, equation 2). The length begins as that of the first direction.
        use_bias: Whether there is a bias.
        kernel_initializer: Initialiser of the kernel.
        padding: `"causal"` reads what came before, `"same"` as many steps on either side.

    Attributes:
        reach: Number of other inputs that an output depends on.
        width: Width `D` of the inputs. It exists once the layer is built.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        history: The `reach` inputs before them, `(B, reach, D)`. Defaults to zeros. There is none
            where `padding` is `"same"`.

    Returns:
        Float, `(B, T, filters)`, and the last `reach` inputs, `(B, reach, D)`. The next chunk takes
        them as its history.
    """

    def __init__(self, filters: int, kernel_size: int, dilation_rate: int, weight_norm: bool,
                 use_bias: bool, kernel_initializer: Initializer, padding: str = "causal",
                 **kwargs: typing.Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation_rate = dilation_rate
        self.weight_norm = weight_norm
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.padding = padding
        self.reach = (kernel_size - 1) * dilation_rate

    def build(self, input_shape: Shape) -> None:
        self.width = input_shape[-1]
        self.kernel = self.add_weight(
            shape=(self.kernel_size, self.width, self.filters), name="kernel",
            initializer=self.kernel_initializer)
        if self.weight_norm:
            self.scale = self.add_weight(
                shape=(self.filters,), name="scale",
                initializer=lambda shape, dtype: _lengths(ops.cast(self.kernel, dtype)))
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs: Tensor, history: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if history is None:
            later = (self.reach + 1) // 2 if self.padding == "same" else 0
            steps = ops.pad(inputs, ((0, 0), (self.reach - later, later), (0, 0)))
        else:
            steps = ops.concatenate([history, inputs], axis=1)              # (B, reach + T, D)
        kernel = self.kernel
        if self.weight_norm:     # In float32, since squares of small weights vanish in float16.
            kernel = ops.cast(kernel, "float32")
            kernel = ops.cast(
                kernel * (ops.cast(self.scale, "float32") / _lengths(kernel)), self.compute_dtype)
        outputs = ops.conv(steps, kernel, padding="valid", data_format="channels_last",
                           dilation_rate=self.dilation_rate)                # (B, T, filters)
        if self.use_bias:
            outputs = outputs + self.bias
        return outputs, steps[:, -self.reach:]


def _lengths(kernel):
    """Euclidean length of each filter, with a gradient even where it is zero."""
    return ops.sqrt(ops.sum(ops.square(kernel), axis=(0, 1)) + 1e-12)


def without_padding(x: Tensor, mask: Tensor | None) -> Tensor:
    """Sets the steps that are padding, `False` in the mask, to zero."""
    return x if mask is None else x * ops.expand_dims(ops.cast(mask, x.dtype), -1)
