"""The shape of the images that a caller asks a model to take."""

from keras_seqattn.errors import explain


def check_image_shape(image_shape: tuple, channels: int) -> tuple:
    """Returns the shape, if it fits the checkpoint.

    Args:
        image_shape: `(height, width, channels)`, in pixels.
        channels: Channels of the images that the weights were made for.

    Raises:
        ValueError: there are more or fewer sizes, or other channels.
    """
    image_shape = tuple(image_shape)
    if len(image_shape) != 3 or image_shape[2] != channels:
        raise ValueError(explain(
            "`image_shape` must be (height, width, channels) with the channels of the checkpoint",
            image_shape=image_shape, channels=channels, fix="change it"))
    return image_shape
