"""The discrete variational autoencoder of DALL-E: an image as a grid of codes, and back.

Paper: Ramesh et al. 2021, "Zero-Shot Text-to-Image Generation", section 2.1. Appendices A.1 to A.3
and the authors' published models give the sizes. Deviation: the decoder looks its codes up in a
table. With one code per place this equals the paper's first convolution, whose bias is part of
each row.
"""

import typing
from collections.abc import Sequence

import keras
from keras import ops

from keras_seqattn.decoding.greedy_search import likeliest
from keras_seqattn.errors import check_count, explain
from keras_seqattn.models.pixels import ImageShape
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Tensor

MARGIN = 0.1  # the distribution of pixels has no mass at 0 and 1 (appendix A.3)


def map_pixels(images: Tensor) -> Tensor:
    """Maps images in `[0, 1]` to `[0.1, 0.9]`, where the models read them.

    >>> [round(float(map_pixels(pixel)), 3) for pixel in (0.0, 0.5, 1.0)]
    [0.1, 0.5, 0.9]
    """
    return (1 - 2 * MARGIN) * images + MARGIN


def unmap_pixels(images: Tensor) -> Tensor:
    """Undoes `map_pixels` and cuts off what then lies outside `[0, 1]`.

    >>> ops.convert_to_numpy(unmap_pixels(ops.array([0.05, 0.5, 0.9]))).round(3).tolist()
    [0.0, 0.5, 1.0]
    """
    return ops.clip((images - MARGIN) / (1 - 2 * MARGIN), 0, 1)


@keras.saving.register_keras_serializable(package="keras_seqattn")
class DiscreteVAE(keras.Model):
    """The model that `dvae` builds, of an encoder and a decoder.

    Args:
        encoder: `keras.Model` from mapped images to logits of the codes.
        decoder: `keras.Model` from codes to the parameters of the mapped image's distribution.
        name: Name of the model.

    Raises:
        ValueError: the encoder and the decoder differ in their channels or number of codes.
    """

    def __init__(self, encoder: keras.Model, decoder: keras.Model, name: str = "dvae",
                 **kwargs: object):
        vocab_size, channels = encoder.output_shape[-1], encoder.input_shape[-1]
        rows, out = decoder.get_layer("table").input_dim, decoder.output_shape[-1]
        if (rows, out) != (vocab_size, 2 * channels):
            raise ValueError(explain(
                "`decoder` must read the codes of `encoder` and return two numbers per channel",
                encoder=(vocab_size, channels), decoder=(rows, out),
                fix="build both with the same vocab_size and channels"))
        images = keras.Input(encoder.input_shape[1:], name="images")
        super().__init__(images, decoder(likeliest(encoder(images))), name=name, **kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.vocab_size = vocab_size

    def encode(self, images: Tensor) -> Tensor:
        """Turns images into codes.

        Args:
            images: Float in `[0, 1]`, `(B, height, width, channels)`.

        Returns:
            Codes, int32 `(B, GH, GW)`.

        Raises:
            ValueError: a side is no multiple of the side of a code.
        """
        _check_sides(images.shape[1:3], self.encoder)
        return likeliest(self.encoder(map_pixels(images)))

    def decode(self, codes: Tensor) -> Tensor:
        """Paints codes.

        Args:
            codes: int32, `(B, GH, GW)`.

        Returns:
            Images in `[0, 1]`, float `(B, height, width, channels)`.
        """
        location, _ = ops.split(self.decoder(codes), 2, axis=-1)
        return unmap_pixels(ops.sigmoid(location))           # (B, height, width, channels)

    def get_config(self) -> dict:
        return {"name": self.name, "encoder": keras.saving.serialize_keras_object(self.encoder),
                "decoder": keras.saving.serialize_keras_object(self.decoder)}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "DiscreteVAE":
        return cls(name=config["name"], **{
            part: keras.saving.deserialize_keras_object(
                config[part], custom_objects=custom_objects) for part in ("encoder", "decoder")})


@plain_numbers
def dvae(vocab_size: int = 8192, image_shape: ImageShape = (256, 256, 3), *, filters: int = 256,
         embed_dim: int = 128, num_groups: int = 4, num_blocks: int = 2,
         dtype: str | keras.DTypePolicy | None = None, name: str = "dvae") -> DiscreteVAE:
    """Builds a model that turns an image into a grid of codes and paints codes.

    Args:
        vocab_size: Number of codes `V`.
        image_shape: `(height, width, channels)`, in pixels. Height and width may be `None`.
            Otherwise they are multiples of `2^(num_groups - 1)`, the side of what one code
            stands for.
        filters: Channels of the group with the finest grid. Each coarser one has twice as many.
        embed_dim: Width of a code's vector in the decoder.
        num_groups: Number of grids in the encoder and in the decoder. Each grid is half as fine
            as the one before.
        num_blocks: Number of residual blocks on each grid.
        dtype: Dtype policy of the layers, for example `"mixed_bfloat16"`.
        name: Name of the model.

    Returns:
        `DiscreteVAE`, a functional model. It maps images to two numbers for each channel of a
        pixel: the location and the log-scale of a logit-Laplace distribution.

        - In: mapped images, float `(B, height, width, channels)`.
        - Out: all locations, then all log-scales, float `(B, height, width, 2·channels)`.

        No gradient passes its codes. `encode` and `decode` take and return images in `[0, 1]`.
        `encoder` returns the logits of the codes.

    Raises:
        ValueError: a number is below 1.
        ValueError: `filters` is below 4.
        ValueError: a side of the image is no such multiple.

    Example:

    >>> model = dvae(11, (8, 16, 3), filters=8, embed_dim=5, num_groups=3, num_blocks=1)
    >>> tuple(model.encode(ops.zeros((2, 8, 16, 3))).shape)
    (2, 2, 4)

    Cost: 53.8 M weights in the encoder and 43.8 M in the decoder at the published sizes.
    On device: CONV_2D, RELU, ADD and MAX_POOL_2D in one XNNPACK partition. The decoder begins with
    EMBEDDING_LOOKUP and grows by CONCATENATION and RESHAPE.
    """
    common: dict[str, typing.Any] = {
        "filters": filters, "num_groups": num_groups, "num_blocks": num_blocks, "dtype": dtype}
    grid = [None if side is None else side // 2 ** (num_groups - 1) for side in image_shape[:2]]
    return DiscreteVAE(
        dvae_encoder(vocab_size, image_shape, **common),
        dvae_decoder(vocab_size, grid, image_shape[2], embed_dim=embed_dim, **common), name)


def dvae_encoder(vocab_size: int, image_shape: ImageShape, *, filters: int, num_groups: int,
                 num_blocks: int, dtype: str | keras.DTypePolicy | None = None) -> keras.Model:
    """Builds the encoder of `dvae`, from mapped images to logits of codes.

    Its arguments are those of `dvae`.

    >>> dvae_encoder(11, (8, 16, 3), filters=8, num_groups=3, num_blocks=1).output_shape
    (None, 2, 4, 11)
    """
    check_count(vocab_size=vocab_size, filters=filters, num_groups=num_groups,
                num_blocks=num_blocks)
    x = images = keras.Input(image_shape, name="images")
    x = _conv(x, filters, 7, "input", dtype)
    for group in range(1, num_groups + 1):
        if group > 1:
            x = keras.layers.MaxPooling2D(
                data_format="channels_last", dtype=dtype, name=f"pool_{group - 1}")(x)
        for block in range(1, num_blocks + 1):
            x = _block(x, filters * 2 ** (group - 1), (3, 3, 3, 1), num_groups * num_blocks,
                       f"group_{group}_block_{block}", dtype)
    logits = _conv(_relu(x, "output", dtype), vocab_size, 1, "logits", "float32")
    model = keras.Model(images, logits, name="encoder")
    _check_sides(image_shape[:2], model)
    return model


def dvae_decoder(vocab_size: int, grid: Sequence[int | None], channels: int, *, filters: int,
                 embed_dim: int, num_groups: int, num_blocks: int,
                 dtype: str | keras.DTypePolicy | None = None) -> keras.Model:
    """Builds the decoder of `dvae`, from codes to two numbers per channel.

    Its arguments are those of `dvae`. `grid` is `(GH, GW)`, the rows and columns of codes.

    >>> dvae_decoder(11, (2, 4), 3, filters=8, embed_dim=5, num_groups=3,
    ...              num_blocks=1).output_shape
    (None, 8, 16, 6)
    """
    check_count(vocab_size=vocab_size, channels=channels, filters=filters, embed_dim=embed_dim,
                num_groups=num_groups, num_blocks=num_blocks)
    codes = keras.Input(tuple(grid), dtype="int32", name="codes")
    x = keras.layers.Embedding(vocab_size, embed_dim, dtype=dtype, name="table")(codes)
    for group in range(1, num_groups + 1):
        if group > 1:
            x = keras.layers.UpSampling2D(
                data_format="channels_last", dtype=dtype, name=f"double_{group - 1}")(x)
        for block in range(1, num_blocks + 1):
            x = _block(x, filters * 2 ** (num_groups - group), (1, 3, 3, 3),
                       num_groups * num_blocks, f"group_{group}_block_{block}", dtype)
    parameters = _conv(_relu(x, "output", dtype), 2 * channels, 1, "parameters", "float32")
    return keras.Model(codes, parameters, name="decoder")


def _block(x, filters, sides, num_layers, name, dtype):
    """A residual block of four convolutions, the first three with a quarter of the channels."""
    if filters < 4:
        raise ValueError(explain(
            "`filters` must be at least 4, since a block has a quarter of them inside",
            filters=filters, fix="pass a multiple of 4"))
    y = _relu(x, name, dtype)
    for i, side in enumerate(sides[:3], start=1):
        y = _conv(y, filters // 4, side, f"{name}_conv_{i}", dtype, activation="relu")
    y = _conv(y, filters, sides[3], f"{name}_conv_4", dtype)
    y = keras.layers.Rescaling(num_layers ** -2, dtype=dtype, name=f"{name}_gain")(y)
    if x.shape[-1] != filters:
        x = _conv(x, filters, 1, f"{name}_identity", dtype)
    return keras.layers.Add(dtype=dtype, name=f"{name}_sum")([x, y])


def _conv(x, filters, side, name, dtype, activation=None):
    return keras.layers.Conv2D(
        filters, side, padding="same", activation=activation, kernel_initializer="lecun_normal",
        data_format="channels_last", dtype=dtype, name=name)(x)


def _relu(x, name, dtype):
    return keras.layers.ReLU(dtype=dtype, name=f"{name}_relu")(x)


def _check_sides(sides, encoder):
    """Refuses an image whose last row or column of codes would miss a part of it."""
    side = 2 ** sum(isinstance(layer, keras.layers.MaxPooling2D) for layer in encoder.layers)
    if any(each is not None and each % side for each in sides):
        raise ValueError(explain(
            "the sides of an image must be multiples of the side of what a code stands for",
            sides=tuple(sides), code_side=side, fix="resize or crop the image"))
