"""What a Vision Transformer needs on small data sets: patches and attention that look around.

Paper: Lee, Lee and Song 2021, "Vision Transformer for Small-Size Datasets".
"""

import typing

import keras
from keras import ops

from keras_seqattn.layers import masks
from keras_seqattn.layers.encoder_block import TransformerEncoderBlock
from keras_seqattn.layers.multi_head import MultiHeadAttention
from keras_seqattn.layers.patch import Stem, as_tokens, check_image
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class ShiftedPatchEmbedding(Stem):
    """Maps each patch to a token together with what lies half a patch away from it.

    Four copies of the image are shifted diagonally by half a patch. The image and its copies are
    cut alike, so a token sees four times the area of its patch.

    Args:
        patch_size: Side `P` of a patch, in pixels. It is at least 2.
        embed_dim: Width `D` of a token.
        epsilon: Added to the variance in the norm of the pixels.

    Call arguments:
        images: Float, `(B, height, width, channels)`. `P` divides the height and the width.

    Returns:
        Float, `(B, GH·GW, D)` with the grid `GH = height / P`, `GW = width / P`.

    Raises:
        ValueError: A size is below 1. The input is not of rank 4. `patch_size` does not divide the
            height or the width.

    Example:

    >>> tuple(ShiftedPatchEmbedding(patch_size=4, embed_dim=7)(keras.ops.ones((2, 8, 12, 3))).shape)
    (2, 6, 7)

    Masking: has none.
    Cost: `5·P²·channels·(D + 2) + D` weights, as many multiply-adds per patch.
    On device: PAD, STRIDED_SLICE, CONV_2D and FULLY_CONNECTED with a norm between them.
    Paper: Lee et al. 2021, section 3.1 ("SPT").
    """

    @plain_numbers
    def __init__(self, patch_size: int, embed_dim: int, epsilon: float = 1e-6,
                 **kwargs: typing.Any):
        super().__init__(patch_size, embed_dim, **kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        channels = check_image(input_shape, "ShiftedPatchEmbedding", self.patch_size)
        self._built_shape = tuple(input_shape)
        shape = (*input_shape[:3], 5 * self.patch_size ** 2 * channels)
        self._norm = keras.layers.LayerNormalization(
            epsilon=self.epsilon, dtype=self.dtype_policy, name="norm")
        self._norm.build(shape)
        self._projection = keras.layers.Dense(
            self.embed_dim, dtype=self.dtype_policy, name="projection")
        self._projection.build(shape)

    def call(self, images: Tensor) -> Tensor:
        self.check_call(images)
        half, (height, width) = self.patch_size // 2, ops.shape(images)[1:3]
        room = ops.pad(images, ((0, 0), (half, half), (half, half), (0, 0)))
        starts = [(half, half), *((y, x) for y in (0, 2 * half) for x in (0, 2 * half))]
        shifted = ops.concatenate(
            [room[:, y:y + height, x:x + width] for y, x in starts], axis=-1)
        patches = ops.image.extract_patches(
            shifted, self.patch_size, strides=self.patch_size, data_format="channels_last")
        return as_tokens(self._projection(self._norm(patches)))

    def get_config(self) -> dict[str, typing.Any]:
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="keras_seqattn")
class LocalityAttention(MultiHeadAttention):
    """Self-attention in which no position reads itself, with a learned temperature.

    Both sharpen the scores where little data leaves them flat. Arguments, call and cost are those
    of `MultiHeadAttention`. There is one weight more, the `temperature`. It begins at `√H`.

    Example:

    >>> x = keras.ops.ones((2, 5, 12))
    >>> tuple(LocalityAttention(num_heads=4, key_dim=3)(x, x).shape)
    (2, 5, 12)

    Paper: Lee et al. 2021, section 3.2 ("LSA").
    """

    def build(self, query_shape: Shape, value_shape: Shape,
              key_shape: Shape | None = None) -> None:
        super().build(query_shape, value_shape, key_shape)
        self.temperature = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(self.key_dim ** 0.5),
            name="temperature")

    def _tempered(self, query):
        factor = self.key_dim ** 0.5 / ops.cast(self.temperature, "float32")
        return query * ops.cast(factor, query.dtype)

    def _narrowed(self, allowed, num_queries, num_keys):
        others = ops.logical_not(masks.sliding_window(num_queries, num_keys, window=1))
        return masks.combine(super()._narrowed(allowed, num_queries, num_keys), others)


@keras.saving.register_keras_serializable(package="keras_seqattn")
class LocalityEncoderBlock(TransformerEncoderBlock):
    """A `TransformerEncoderBlock` whose attention is `LocalityAttention`.

    >>> tuple(LocalityEncoderBlock(num_heads=3, mlp_dim=7)(keras.ops.ones((2, 5, 12))).shape)
    (2, 5, 12)
    """

    attention_class = LocalityAttention
