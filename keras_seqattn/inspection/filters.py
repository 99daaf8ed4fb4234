"""What the first convolution of a model looks for in the pixels."""

import keras
import numpy as np

from keras_seqattn.errors import check_count, explain
from keras_seqattn.inspection.attention import as_array
from keras_seqattn.inspection.watch import layers_in


def patch_filters(model: keras.Model, num_components: int = 28) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of the filters that make tokens of patches.

    The components are the right singular vectors of the `D` filters. Each filter has
    `P·P·channels` numbers. In a stem of several convolutions the filters are those of the first.

    Args:
        model: Model with a convolution, such as a Vision Transformer.
        num_components: Number of components wanted. There are at most `min(P·P·channels, D)`.

    Returns:
        Two float arrays:

        - The components, `(K, P, P, channels)`. Each has length 1, and its largest number is
          positive. All are at right angles to each other.
        - Their shares, `(K,)`. A share says how much of the filters' sum of squares lies along a
          component. Shares fall.

    Raises:
        ValueError: the model has no convolution, or `num_components` is below 1.

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
