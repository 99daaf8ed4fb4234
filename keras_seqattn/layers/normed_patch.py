"""Patches that are normalised as pixels and again as tokens."""

import typing

import keras
from keras import ops

from keras_seqattn.layers.patch import Stem, as_tokens, check_image
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class NormedPatchEmbedding(Stem):
    """Cuts an image into patches, with a norm before and behind the map from pixels to tokens.

    Args:
        patch_size: Side `P` of a patch, in pixels.
        embed_dim: Width `D` of a token.
        epsilon: Added to the variance in the norms.

    Attributes:
        pixel_norm: Norm of the pixels of a patch.
        token_norm: Norm of the tokens.

    Call arguments:
        images: Float, `(B, height, width, channels)`.

    Returns:
        Float, `(B, GH·GW, D)` with the grid `GH = height / P`, `GW = width / P`.

    Raises:
        ValueError: A size is below 1. The input is not of rank 4. `patch_size` does not divide the
            height or the width.

    Example:

    >>> tuple(NormedPatchEmbedding(patch_size=4, embed_dim=7)(keras.ops.ones((2, 8, 12, 3))).shape)
    (2, 6, 7)

    Masking: has none.
    Cost: `P²·channels·(D + 2) + 3·D` weights, as many multiply-adds per patch.
    On device: CONV_2D that cuts the patches, and FULLY_CONNECTED between two norms.
    Paper: Kumar et al. 2023, "Dual PatchNorm", section 4.
    """

    @plain_numbers
    def __init__(self, patch_size: int, embed_dim: int, epsilon: float = 1e-6,
                 **kwargs: typing.Any):
        super().__init__(patch_size, embed_dim, **kwargs)
        self.epsilon = epsilon

    pixel_norm = property(lambda self: self._pixel_norm)
    token_norm = property(lambda self: self._token_norm)

    def build(self, input_shape: Shape) -> None:
        channels = check_image(input_shape, "NormedPatchEmbedding", self.patch_size)
        self._built_shape = tuple(input_shape)
        shape = (*input_shape[:3], self.patch_size ** 2 * channels)
        self._pixel_norm, self._token_norm = (
            keras.layers.LayerNormalization(
                epsilon=self.epsilon, dtype=self.dtype_policy, name=f"{name}_norm")
            for name in ("pixel", "token"))
        self._projection = keras.layers.Dense(
            self.embed_dim, dtype=self.dtype_policy, name="projection")
        self._pixel_norm.build(shape)
        self._projection.build(shape)
        self._token_norm.build((*shape[:3], self.embed_dim))

    def call(self, images: Tensor) -> Tensor:
        self.check_call(images)
        patches = ops.image.extract_patches(
            images, self.patch_size, strides=self.patch_size, data_format="channels_last")
        return as_tokens(self._token_norm(self._projection(self._pixel_norm(patches))))

    def get_config(self) -> dict[str, typing.Any]:
        return {**super().get_config(), "epsilon": self.epsilon}
