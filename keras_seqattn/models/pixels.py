"""Pixels at the door of a model: brought to mean 0 and deviation 1, channel by channel."""

import keras

from keras_seqattn.errors import explain


def image_input(image_shape, pixel_mean, pixel_std, dtype):
    """The images that a model takes, and what its first layer reads of them.

    Args:
        image_shape: `(height, width, channels)`, in pixels.
        pixel_mean: Mean of each channel, or `None`.
        pixel_std: Standard deviation of each channel, or `None`.
        dtype: Dtype policy.

    Returns:
        Symbolic images twice: as they enter, and with channels of mean 0 and deviation 1 where
        statistics are given.

    Raises:
        ValueError: `image_shape` has not three entries; a mean without a deviation, or not one of
            each per channel.
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


def pixel_statistics(model):
    """Mean and deviation of each channel by which a model standardises its images.

    Returns:
        `{"pixel_mean", "pixel_std"}` as `vit` takes them; empty if it does not standardise.
    """
    for layer in model.layers:
        if layer.name == "standardise":
            std = [1 / factor for factor in layer.scale]
            mean = [-offset * s for offset, s in zip(layer.offset, std, strict=True)]
            return {"pixel_mean": mean, "pixel_std": std}
    return {}
