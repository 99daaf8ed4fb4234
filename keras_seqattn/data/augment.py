"""Random changes of training images that keep their class; each is a name in a recipe.

All work on a batch `(B, height, width, channels)` of float32 in `[-1, 1]` and draw from the
generator they are given, so that the same seed makes the same batch on every machine.
"""

import numpy as np


def flip(images, rng):
    """Mirrors half of the images left to right."""
    mirrored = rng.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def rot90(images, rng):
    """Turns each (square) image by 0, 90, 180 or 270 degrees: seen from above, none is upright."""
    turns = rng.integers(4, size=len(images))
    return np.stack([np.rot90(image, k) for image, k in zip(images, turns, strict=True)])


def shift(images, rng, share=0.1):
    """Moves each image by up to a tenth of its sides; what enters mirrors what is there."""
    _, height, width, _ = images.shape
    rows, columns = int(height * share), int(width * share)
    padded = np.pad(
        images, ((0, 0), (rows, rows), (columns, columns), (0, 0)), mode="reflect")
    tops = rng.integers(2 * rows + 1, size=len(images))
    lefts = rng.integers(2 * columns + 1, size=len(images))
    return np.stack([padded[i, top:top + height, left:left + width]
                     for i, (top, left) in enumerate(zip(tops, lefts, strict=True))])


AUGMENTATIONS = {function.__name__: function for function in (flip, rot90, shift)}
