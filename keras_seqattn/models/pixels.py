"""Pixels at the door of a model: brought to mean 0 and deviation 1, channel by channel."""

import keras

from keras_seqattn.errors import explain


def standardise(images, mean, std, dtype):
    """Brings each channel to mean 0 and deviation 1 by a layer that `pixel_statistics` reads."""
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
