"""Tokens from the features of a residual network: the hybrid Vision Transformer."""

import typing
from collections.abc import Sequence

import keras

from keras_seqattn.errors import check_count, explain
from keras_seqattn.layers.patch import Stem, as_tokens, check_image
from keras_seqattn.layers.residual import trunk
from keras_seqattn.plain import plain, plain_numbers
from keras_seqattn.shapes import Shape, Tensor

# Blocks of each stage of a ResNet-50 without its last stage, whose six blocks move to the third.
NUM_LAYERS = (3, 4, 9)


@keras.saving.register_keras_serializable(package="keras_seqattn")
class ResidualStem(Stem):
    """Maps an image to the same grid of tokens as `PatchEmbedding`, by the first stages of a BiT.

    It costs much more than `ConvStem`. Take it where a residual network has been pre-trained, or
    where a hybrid is to be compared.

    Args:
        patch_size: Side `P` of the square that a token stands for, in pixels. One stage makes 4,
            two make 8 and three make 16.
        embed_dim: Width `D` of a token.
        num_layers: Blocks of each stage. Defaults to as many of the paper's 3, 4 and 9 as needed.
            With another number of stages `P` is another power of 2.
        width: Channels of the first convolution. The first stage has 4 times as many, and each
            later one twice as many as the one before.
        num_groups: Number of groups of channels that are normalised together. It divides `width`.

    Attributes:
        trunk: Layers before the projection, in order. They exist once the stem is built.
        projection: Convolution of 1×1 behind them.

    Call arguments:
        images: Float, `(B, height, width, channels)`. `P` divides the height and the width.

    Returns:
        Float, `(B, GH·GW, D)` with the grid `GH = height / P`, `GW = width / P`.

    Raises:
        ValueError: A size is below 1. `patch_size` is not `2·2ⁿ` for `n` stages. `num_groups` does
            not divide `width`. The input is not of rank 4. `patch_size` does not divide the height
            or the width.

    Example:

    >>> stem = ResidualStem(8, embed_dim=5, num_layers=(1, 1), width=4, num_groups=2)
    >>> tuple(stem(keras.ops.ones((2, 16, 24, 3))).shape)
    (2, 6, 5)

    Masking: has none.
    Cost: the weights of the BiT's stages, and `(4·width·2ⁿ⁻¹ + 1)·D` of the projection.
    On device: as `StandardizedConv2D` and `PreActivationBottleneck`, then RESHAPE.
    Paper: Dosovitskiy et al. 2021, section 3.1 ("Hybrid Architecture") and section 4.1. Here norms
    come before the convolutions, as in BiT. One more norm comes before the projection.
    """

    begins_patches = True

    @plain_numbers
    def __init__(self, patch_size: int, embed_dim: int, num_layers: Sequence[int] | None = None,
                 width: int = 64, num_groups: int = 32, **kwargs: typing.Any):
        super().__init__(patch_size, embed_dim, **kwargs)
        check_count(width=width, num_groups=num_groups)
        num_stages = patch_size.bit_length() - 2 if num_layers is None else len(num_layers)
        num_layers = NUM_LAYERS[:max(num_stages, 0)] if num_layers is None else plain(
            tuple(num_layers))
        if not num_layers or patch_size != 2 << len(num_layers):
            raise ValueError(explain(
                "`patch_size` must be 4, and twice as much for each further stage",
                patch_size=patch_size, num_layers=num_layers,
                fix="use 4, 8 or 16, or as many num_layers as stages"))
        if width % num_groups:
            raise ValueError(explain(
                "`num_groups` must divide `width`", num_groups=num_groups, width=width,
                fix="change one of them"))
        for blocks in num_layers:
            check_count(num_layers=blocks)
        self.num_layers = num_layers
        self.width = width
        self.num_groups = num_groups

    def build(self, input_shape: Shape) -> None:
        check_image(input_shape, "ResidualStem", self.patch_size)
        self._built_shape = tuple(input_shape)
        filters = [4 * self.width << stage for stage in range(len(self.num_layers))]
        self.trunk = trunk(
            self.num_layers, self.width, filters, self.num_groups, self.dtype_policy)
        self.trunk += [
            keras.layers.GroupNormalization(
                self.num_groups, epsilon=1e-5, dtype=self.dtype_policy, name="norm"),
            keras.layers.ReLU(dtype=self.dtype_policy, name="activation")]
        self._projection = keras.layers.Conv2D(
            self.embed_dim, 1, data_format="channels_last", dtype=self.dtype_policy,
            name="projection")
        shape = tuple(input_shape)
        for layer in (*self.trunk, self._projection):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, images: Tensor) -> Tensor:
        self.check_call(images)
        x = images
        for layer in self.trunk:
            x = layer(x)
        return as_tokens(self._projection(x))

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "width": self.width,
            "num_groups": self.num_groups,
        }
