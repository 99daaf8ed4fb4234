"""What the first convolution of a model looks for in the pixels."""

import keras
import numpy as np

from keras_seqattn.errors import check_count, explain
from keras_seqattn.inspection.attention import as_array
from keras_seqattn.inspection.watch import layers_in


def patch_filters(model, num_components=28):
    """Principal components of the filters that make tokens of patches.

    They are the right singular vectors of the `D` filters, each of `P·P·channels` numbers. Of a
    stem of several convolutions it is the first.

    Args:
        model: Model with a convolution, such as a Vision Transformer.
        num_components: Number of components wanted; there are at most `min(P·P·channels, D)`.

    Returns:
        NumPy float, `(K, P, P, channels)`: components of length 1, at right angles to each other,
        the largest number of each positive; and `(K,)`: the share of the filters' sum of squares
        that lies along each, falling.

    Raises:
        ValueError: the model has no convolution; `num_components` below 1.

    Example:

    >>> from keras_seqattn import models
    >>> model = models.vit("nano", patch_size=8, image_shape=(16, 24, 3))
    >>> components, shares = patch_filters(model)
    >>> components.shape, shares.shape
    ((28, 8, 8, 3), (28,))

    Paper: Dosovitskiy et al. 2021, section 4.5, figure 7 (left).
    """
    check_count(num_components=num_components)
    convolutions = layers_in(model, keras.layers.Conv2D)
    if not convolutions:
        raise ValueError(explain(
            "the model must have a convolution to show filters of", model=model.name,
            fix="pass a model with patches or a convolutional stem"))
    kernel = as_array(convolutions[0].kernel)                                  # (P, P, channels, D)
    _, singular, components = np.linalg.svd(
        kernel.reshape(-1, kernel.shape[-1]).T, full_matrices=False)
    largest = np.take_along_axis(
        components, abs(components).argmax(axis=1, keepdims=True), axis=1)
    components = (components * np.sign(largest)).reshape(-1, *kernel.shape[:3])
    shares = singular ** 2 / (singular ** 2).sum()
    return components[:num_components], shares[:num_components]
