"""Images as sequences: square patches become tokens, one more token stands for the whole."""

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_sequence, explain


@keras.saving.register_keras_serializable(package="keras_seqattn")
class PatchEmbedding(keras.layers.Layer):
    """Cuts an image into square patches and maps each linearly to a token, row by row.

    Args:
        patch_size: Side `P` of a patch, in pixels.
        embed_dim: Width `D` of a token.
        use_bias: Whether the map has a bias.
        kernel_initializer: Initializer of the kernel. The default counts only what goes in, so that
            tokens keep the scale of the pixels.

    Call arguments:
        images: Float, `(B, height, width, channels)`; any height and width that `P` divides.

    Returns:
        Float, `(B, GH·GW, D)` with the grid `GH = height / P`, `GW = width / P`.

    Raises:
        ValueError: a size below 1; the input is not of rank 4; `patch_size` does not divide the
            height or the width.

    Example:

    >>> tuple(PatchEmbedding(patch_size=4, embed_dim=7)(keras.ops.ones((2, 8, 12, 3))).shape)
    (2, 6, 7)

    Masking: has none.
    Cost: `P²·channels·D` weights (+ `D`), as many multiply-adds per patch.
    On device: CONV_2D and RESHAPE; int8 weights are supported.
    Paper: Dosovitskiy et al. 2021, section 3.1, equation 1.
    """

    def __init__(self, patch_size, embed_dim, use_bias=True, kernel_initializer="lecun_normal",
                 **kwargs):
        super().__init__(**kwargs)
        check_count(patch_size=patch_size, embed_dim=embed_dim)
        self.patch_size = patch_size
        self.embed_dim = embed_dim
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        if len(input_shape) != 4 or input_shape[-1] is None:
            raise ValueError(explain(
                "the input of PatchEmbedding must have rank 4 and known channels: "
                "(batch, height, width, channels)", input_shape=tuple(input_shape),
                fix="add the missing axis, for example with image[None]"))
        for name, side in (("height", input_shape[1]), ("width", input_shape[2])):
            if side is not None and side % self.patch_size:
                raise ValueError(explain(
                    f"`patch_size` must divide the image {name}", patch_size=self.patch_size,
                    **{name: side}, fix="resize the image or change patch_size"))
        self._projection = keras.layers.Conv2D(
            self.embed_dim, self.patch_size, strides=self.patch_size, use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer, data_format="channels_last",
            dtype=self.dtype_policy, name="projection")
        self._projection.build(input_shape)

    def call(self, images):
        patches = self._projection(images)                                # (B, GH, GW, D)
        _, height, width, _ = ops.shape(patches)
        return ops.reshape(patches, (-1, height * width, self.embed_dim))  # (B, GH·GW, D)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        known = height is not None and width is not None
        patches = height * width // self.patch_size ** 2 if known else None
        return (batch, patches, self.embed_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "patch_size": self.patch_size,
            "embed_dim": self.embed_dim,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable(package="keras_seqattn")
class ClassToken(keras.layers.Layer):
    """Puts one learned token in front of a sequence; its final state stands for the whole.

    Where no weights of others are to be loaded, averaging all tokens does as well and is cheaper
    on device (Beyer et al. 2022).

    Args:
        initializer: Initializer of the token.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        mask: Boolean, `(B, T)`; `True` is a real token. Keras fills it in.

    Returns:
        Float, `(B, 1 + T, D)`.

    Raises:
        ValueError: the input is not of rank 3.

    Example:

    >>> tuple(ClassToken()(keras.ops.zeros((2, 5, 3))).shape)
    (2, 6, 3)

    Masking: passes the mask on with `True` in front.
    Cost: `D` weights.
    On device: one CONCATENATION with a constant.
    Paper: Dosovitskiy et al. 2021, section 3.1, equation 1.
    """

    def __init__(self, initializer="zeros", **kwargs):
        super().__init__(**kwargs)
        self.initializer = keras.initializers.get(initializer)
        self.supports_masking = True

    def build(self, input_shape):
        check_sequence(input_shape, "ClassToken")
        self.token = self.add_weight(
            shape=(1, 1, input_shape[-1]), initializer=self.initializer, name="token")

    def call(self, inputs, mask=None):
        shape = (ops.shape(inputs)[0], 1, inputs.shape[-1])
        token = ops.broadcast_to(ops.cast(self.token, inputs.dtype), shape)
        return ops.concatenate([token, inputs], axis=1)

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        return ops.concatenate([ops.ones_like(mask[:, :1]), mask], axis=1)

    def compute_output_shape(self, input_shape):
        batch, length, embed_dim = input_shape
        return (batch, None if length is None else length + 1, embed_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "initializer": keras.initializers.serialize(self.initializer),
        }
