"""Pixels at the door of a model: brought to mean 0 and deviation 1, channel by channel."""

import typing
from collections.abc import Sequence

import keras

from keras_seqattn.errors import explain
from keras_seqattn.shapes import Tensor

# Height, width and channels, in pixels. A side of `None` may differ from call to call.
ImageShape: typing.TypeAlias = tuple[int | None, int | None, int]


def image_input(image_shape: ImageShape, pixel_mean: Sequence[float] | None,
                pixel_std: Sequence[float] | None, dtype: str | keras.DTypePolicy | None,
                ) -> tuple[Tensor, Tensor]:
    """Makes the input of a model for images.

    Args:
        image_shape: `(height, width, channels)`, in pixels.
        pixel_mean: Mean of each channel, or `None`.
        pixel_std: Standard deviation of each channel, or `None`.
        dtype: Dtype policy.

    Returns:
        Two symbolic tensors: the images as they enter, and what the first layer reads. Where
        statistics are given, its channels have mean 0 and deviation 1.

    Raises:
        ValueError: `image_shape` has not three entries.
        ValueError: `pixel_mean` and `pixel_std` have not one number for each channel.
    """
    if len(image_shape) != 3:
        raise ValueError(explain(
            "`image_shape` must be (height, width, channels)", image_shape=tuple(image_shape),
            fix="pass three numbers, such as (224, 224, 3)"))
    images = keras.Input(image_shape, name="images")
    if pixel_mean is None and pixel_std is None:
        return images, images
    return images, _standardise(images, pixel_mean, pixel_std, dtype)


def _standardise(images, mean, std, dtype):
    channels = images.shape[-1]
    if not all(statistic is not None and len(statistic) == channels for statistic in (mean, std)):
        raise ValueError(explain(
            "`pixel_mean` and `pixel_std` must have one number per channel", pixel_mean=mean,
            pixel_std=std, channels=channels, fix="pass both, or neither"))
    return keras.layers.Rescaling(
        [1 / s for s in std], [-m / s for m, s in zip(mean, std, strict=True)], dtype=dtype,
        name="standardise")(images)


def pixel_statistics(model: keras.Model) -> dict[str, list[float]]:
    """Returns the mean and deviation of each channel by which a model standardises its images.

    Args:
        model: `keras.Model` as `vit` or `bit` builds it.

    Returns:
        `{"pixel_mean", "pixel_std"}` as `vit` takes them. Empty if it does not standardise.
    """
    for layer in model.layers:
        if layer.name == "standardise":
            std = [1 / factor for factor in layer.scale]
            mean = [-offset * s for offset, s in zip(layer.offset, std, strict=True)]
            return {"pixel_mean": mean, "pixel_std": std}
    return {}
