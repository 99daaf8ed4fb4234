"""Images as sequences: square patches become tokens."""

import typing

import keras
from keras import ops

from keras_seqattn.errors import check_count, explain
from keras_seqattn.kernels.product import convolve, serves, spread
from keras_seqattn.layers.fitting import check_width
from keras_seqattn.layers.settings import Initializer
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor


class Stem(keras.layers.Layer):
    """Base of the layers that make a token of each square of pixels.

    The arguments are those of `PatchEmbedding`.

    Attributes:
        projection: Layer that makes the tokens, a convolution or a dense layer. It exists once the
            stem is built.
        begins_patches: Whether what patches leave over of an image becomes a patch too, or is left
            out. A stem that is built for sides of any length meets such images.
    """

    begins_patches = False

    @plain_numbers
    def __init__(self, patch_size: int, embed_dim: int, **kwargs: typing.Any):
        super().__init__(**kwargs)
        check_count(patch_size=patch_size, embed_dim=embed_dim)
        self.patch_size = patch_size
        self.embed_dim = embed_dim

    projection = property(lambda self: self._projection)

    def grid(self, *sides: int | None) -> tuple[int | None, ...]:
        """Returns the rows and columns of tokens of an image, whose sides are in pixels."""
        more = self.patch_size - 1 if self.begins_patches else 0
        return tuple(None if side is None else (side + more) // self.patch_size for side in sides)

    def check_call(self, images: Tensor) -> None:
        """Refuses images of other channels than at `build`, and those smaller than a patch."""
        name = type(self).__name__
        check_width(name, self._built_shape, images=images)
        for side in images.shape[1:3]:
            if side is not None and side < self.patch_size:
                raise ValueError(explain(
                    f"the image of {name} must not be smaller than a patch",
                    images_shape=tuple(images.shape), patch_size=self.patch_size,
                    fix="enlarge the image"))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        rows, columns = self.grid(*input_shape[1:3])
        length = None if rows is None or columns is None else rows * columns
        return (input_shape[0], length, self.embed_dim)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "patch_size": self.patch_size,
            "embed_dim": self.embed_dim,
        }


@keras.saving.register_keras_serializable(package="keras_seqattn")
class PatchEmbedding(Stem):
    """Cuts an image into square patches, row by row, and maps each linearly to a token.

    Args:
        patch_size: Side `P` of a patch, in pixels.
        embed_dim: Width `D` of a token.
        use_bias: Whether the map has a bias.
        kernel_initializer: Initializer of the kernel. The default counts only what goes in, so that
            tokens keep the scale of the pixels.

    Call arguments:
        images: Float, `(B, height, width, channels)`. `P` divides the height and the width.
        training: Whether gradients will be taken, which JAX then sums in float32.

    Returns:
        Float, `(B, GH·GW, D)` with the grid `GH = height / P`, `GW = width / P`.

    Raises:
        ValueError: A size is below 1. The input is not of rank 4. `patch_size` does not divide the
            height or the width.

    Example:

    >>> tuple(PatchEmbedding(patch_size=4, embed_dim=7)(keras.ops.ones((2, 8, 12, 3))).shape)
    (2, 6, 7)

    Masking: has none.
    Cost: `P²·channels·D` weights (+ `D`), as many multiply-adds per patch.
    On device: CONV_2D and RESHAPE. Int8 weights are supported.
    Paper: Dosovitskiy et al. 2021, section 3.1, equation 1.
    """

    @plain_numbers
    def __init__(self, patch_size: int, embed_dim: int, use_bias: bool = True,
                 kernel_initializer: Initializer = "lecun_normal",
                 **kwargs: typing.Any):
        super().__init__(patch_size, embed_dim, **kwargs)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Shape) -> None:
        check_image(input_shape, "PatchEmbedding", self.patch_size)
        self._built_shape = tuple(input_shape)
        self._projection = keras.layers.Conv2D(
            self.embed_dim, self.patch_size, strides=self.patch_size, use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer, data_format="channels_last",
            dtype=self.dtype_policy, name="projection")
        self._projection.build(input_shape)

    def call(self, images: Tensor, training: bool | None = None) -> Tensor:
        self.check_call(images)
        if not training or not serves(images) or self._projection.lora_enabled:
            return as_tokens(self._projection(images))
        patches = convolve(images, ops.cast(self._projection.kernel, images.dtype), self.patch_size)
        if self.use_bias:
            patches = patches + spread(self._projection.bias, patches)
        return as_tokens(patches)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable(package="keras_seqattn")
class ConvStem(Stem):
    """Maps an image to the same grid of tokens as `PatchEmbedding`, by a few small convolutions.

    Overlapping edges and textures are found before attention starts. On small data sets nothing
    else is worth as much. Use `PatchEmbedding` where weights of others are to be loaded.

    Args:
        patch_size: Side `P` of the square that a token stands for, in pixels. It is a power of 2,
            at least 2.
        embed_dim: Width `D` of a token, a multiple of `P / 2`.

    Attributes:
        convolutions: Convolutions that halve the sides, in order. They exist once the stem is
            built.
        projection: Convolution of 1×1 behind them.

    Call arguments:
        images: Float, `(B, height, width, channels)`. `P` divides the height and the width.

    Returns:
        Float, `(B, GH·GW, D)` with the grid `GH = height / P`, `GW = width / P`.

    Raises:
        ValueError: `patch_size` is no power of 2. `embed_dim` is no multiple of half of it. The
            input is not of rank 4. `patch_size` does not divide the height or the width.

    Example:

    >>> tuple(ConvStem(patch_size=4, embed_dim=6)(keras.ops.ones((2, 8, 12, 3))).shape)
    (2, 6, 6)

    Masking: has none.
    Cost: about `6·D² + D²` weights. There are `log2 P` convolutions of 3×3 that halve the sides.
    Their width doubles up to `D`. One of 1×1 follows.
    On device: CONV_2D, GELU and RESHAPE. Int8 weights are supported.
    Paper: Xiao et al. 2021, "Early Convolutions Help Transformers See Better", section 4. Here GELU
    follows without batch normalisation, so the batch may be divided among devices in any way.
    """

    @plain_numbers
    def __init__(self, patch_size: int, embed_dim: int, **kwargs: typing.Any):
        super().__init__(patch_size, embed_dim, **kwargs)
        if patch_size < 2 or patch_size & (patch_size - 1):
            raise ValueError(explain(
                "`patch_size` must be a power of 2 for convolutions that halve the sides",
                patch_size=patch_size, fix="use 2, 4, 8, 16 or 32"))
        if embed_dim % (patch_size // 2):
            raise ValueError(explain(
                "`embed_dim` must be a multiple of half of `patch_size`", embed_dim=embed_dim,
                patch_size=patch_size, fix="change embed_dim or patch_size"))

    begins_patches = True
    convolutions = property(lambda self: self._convolutions)

    def build(self, input_shape: Shape) -> None:
        check_image(input_shape, "ConvStem", self.patch_size)
        self._built_shape = tuple(input_shape)
        num_halvings = self.patch_size.bit_length() - 1
        common = {"data_format": "channels_last", "dtype": self.dtype_policy}
        self._convolutions = [
            keras.layers.Conv2D(
                self.embed_dim >> (num_halvings - 1 - i), 3, strides=2, padding="same",
                activation="gelu", kernel_initializer="he_normal", name=f"convolution_{i}",
                **common)
            for i in range(num_halvings)]
        self._projection = keras.layers.Conv2D(self.embed_dim, 1, name="projection", **common)
        shape = tuple(input_shape)
        for layer in (*self._convolutions, self._projection):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, images: Tensor) -> Tensor:
        self.check_call(images)
        x = images
        for layer in self._convolutions:
            x = layer(x)
        return as_tokens(self._projection(x))


def check_image(input_shape: Shape, layer: str, patch_size: int = 1) -> int:
    """Checks that an input is an image whose sides the patches divide, and returns its channels."""
    channels = input_shape[-1] if len(input_shape) == 4 else None
    if channels is None:
        raise ValueError(explain(
            f"the input of {layer} must have rank 4 and known channels: "
            "(batch, height, width, channels)", input_shape=tuple(input_shape),
            fix="add the missing axis, for example with image[None]"))
    for name, side in (("height", input_shape[1]), ("width", input_shape[2])):
        if side is not None and side % patch_size:
            raise ValueError(explain(
                f"`patch_size` must divide the image {name}", patch_size=patch_size,
                **{name: side}, fix="resize the image or change patch_size"))
    return channels


def as_tokens(patches: Tensor) -> Tensor:
    """Lays out a grid of features row by row: `(B, GH, GW, D)` to `(B, GH·GW, D)`."""
    _, height, width, _ = ops.shape(patches)
    return ops.reshape(patches, (-1, height * width, patches.shape[-1]))
