"""Random changes of training examples; each is a name in a recipe.

All take and return a batch: images, float32 `(B, height, width, channels)` in `[-1, 1]`, and
labels, float32 `(B, num_classes)`. They draw from the generator they are given, so that the same
seed makes the same batch on every machine.
"""

import numpy as np


def flip(images, labels, rng):
    """Mirrors half of the images left to right."""
    mirrored = rng.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images), labels


def rot90(images, labels, rng):
    """Turns each (square) image by 0, 90, 180 or 270 degrees: seen from above, none is upright."""
    turns = rng.integers(4, size=len(images))
    images = np.stack([np.rot90(image, k) for image, k in zip(images, turns, strict=True)])
    return images, labels


def shift(images, labels, rng):
    """Moves each image by up to a tenth of its sides; what enters mirrors what is there."""
    _, height, width, _ = images.shape
    rows, columns = height // 10, width // 10
    padded = np.pad(
        images, ((0, 0), (rows, rows), (columns, columns), (0, 0)), mode="reflect")
    tops = rng.integers(2 * rows + 1, size=len(images))
    lefts = rng.integers(2 * columns + 1, size=len(images))
    images = np.stack([padded[i, top:top + height, left:left + width]
                       for i, (top, left) in enumerate(zip(tops, lefts, strict=True))])
    return images, labels


def mixup(images, labels, rng):
    """Blends half of the batches: each example with another, labels too, by one random share.

    Paper: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization", with α = 0.4. The other
    half stays as it is, which short trainings need.
    """
    if rng.random() < 0.5:
        return images, labels
    share, others = np.float32(rng.beta(0.4, 0.4)), rng.permutation(len(images))
    return (share * images + (1 - share) * images[others],
            share * labels + (1 - share) * labels[others])


AUGMENTATIONS = {function.__name__: function for function in (flip, rot90, shift, mixup)}
