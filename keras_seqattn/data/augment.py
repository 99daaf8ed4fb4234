"""Random changes of training examples; each is a name in a recipe.

All take and return a few examples:

- images: float32, `(n, height, width, channels)`, in `[-1, 1]`;
- labels: float32, `(n, num_classes)`.

They draw from the generator that they are given, so that the same seed makes the same batch on
every machine. Those that mix examples mix neighbours. Batches are shuffled, so a neighbour is a
random other example. So any share of a batch can be made without the rest (see `batches`).
"""

import numpy as np

from keras_seqattn.data.jitter import jitter
from keras_seqattn.data.rand_augment import rand_augment


def flip(images: np.ndarray, labels: np.ndarray,
         rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Mirrors half of the images left to right."""
    mirrored = rng.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images), labels


def rot90(images: np.ndarray, labels: np.ndarray,
          rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Turns each image by a random number of right angles. Images must be square.

    Use this for pictures from above, of which none is upright.
    """
    turns = rng.integers(4, size=len(images))
    images = np.stack([np.rot90(image, k) for image, k in zip(images, turns, strict=True)])
    return images, labels


def shift(images: np.ndarray, labels: np.ndarray,
          rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Moves each image by up to a tenth of its sides. What enters mirrors what is there."""
    _, height, width, _ = images.shape
    rows, columns = height // 10, width // 10
    padded = np.pad(
        images, ((0, 0), (rows, rows), (columns, columns), (0, 0)), mode="reflect")
    tops = rng.integers(2 * rows + 1, size=len(images))
    lefts = rng.integers(2 * columns + 1, size=len(images))
    images = np.stack([padded[i, top:top + height, left:left + width]
                       for i, (top, left) in enumerate(zip(tops, lefts, strict=True))])
    return images, labels


def resized_crop(images: np.ndarray, labels: np.ndarray,
                 rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Enlarges a random part of each image to the whole.

    The part has 8 % to 100 % of the area and sides of 3:4 to 4:3.

    Paper: Szegedy et al. 2015, section 6.
    """
    _, height, width, _ = images.shape
    cut = [_crop(image, *_box(height, width, rng.uniform(0.08, 1.0), rng)) for image in images]
    return np.stack(cut), labels


def erase(images: np.ndarray, labels: np.ndarray,
          rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Fills a random part of half of the images with noise.

    The part has 2 % to 40 % of the area and sides of 3:4 to 4:3.

    Paper: Zhong et al. 2020, "Random Erasing Data Augmentation". Deviation: its sides are 3:10 to
    10:3.
    """
    images = images.copy()
    _, height, width, _ = images.shape
    for image in images:
        if rng.random() < 0.5:
            rows, columns = _box(height, width, rng.uniform(0.02, 0.4), rng)
            patch = image[slice(*rows), slice(*columns)]
            patch[:] = rng.uniform(-1.0, 1.0, patch.shape)
    return images, labels


def _crop_of(kept, size):
    """Makes the augmentation that brings images to `size` pixels and cuts `kept` of them out.

    Paper: Kolesnikov et al. 2020, section 3.3. Deviation: what is cut out is enlarged to the
    whole.
    """
    def crop(images, labels, rng):
        _, height, width, _ = images.shape
        rows, columns = (max(round(side * kept / size), 1) for side in (height, width))
        cut = []
        for image in images:
            top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
            cut.append(_crop(image, (int(top), int(top) + rows), (int(left), int(left) + columns)))
        return np.stack(cut), labels

    crop.__name__ = f"crop_{kept}_of_{size}"
    return crop


def mixup(images: np.ndarray, labels: np.ndarray,
          rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Blends half of the pairs of neighbours by one random share, labels too.

    Paper: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization". α is 0.4. The other half
    of the pairs stays as it is, which short trainings need.
    """
    if rng.random() < 0.5:
        return images, labels
    return _blend(images, labels, np.float32(rng.beta(0.4, 0.4)))


def light_mixup(images: np.ndarray, labels: np.ndarray,
                rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Blends all pairs of neighbours, most of them by very little: α is 0.1.

    Paper: Kolesnikov et al. 2020, section 3.3. Deviation: the paper draws one share per batch.
    """
    return _blend(images, labels, np.float32(rng.beta(0.1, 0.1)))


def _blend(images, labels, share):
    return (share * images + (1 - share) * images[::-1],
            share * labels + (1 - share) * labels[::-1])


def cutmix(images: np.ndarray, labels: np.ndarray,
           rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Swaps a random box between half of the pairs of neighbours, and labels by its area.

    Paper: Yun et al. 2019, "CutMix". α is 1. Deviation: the box stays inside the image.
    """
    if rng.random() < 0.5:
        return images, labels
    _, height, width, _ = images.shape
    rows, columns = (slice(*side) for side in _box(height, width, rng.uniform(), rng))
    mixed = images.copy()
    mixed[:, rows, columns] = images[::-1, rows, columns]
    share = np.float32((rows.stop - rows.start) * (columns.stop - columns.start) / (height * width))
    return mixed, (1 - share) * labels + share * labels[::-1]


def _box(height, width, area, rng):
    """Draws a box of a share of the area and of at least one pixel.

    Returns `(top, bottom), (left, right)`.
    """
    stretch = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)) / 2)
    rows = int(np.clip(round(height * np.sqrt(area) * stretch), 1, height))
    columns = int(np.clip(round(width * np.sqrt(area) / stretch), 1, width))
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    return (int(top), int(top) + rows), (int(left), int(left) + columns)


def _crop(image, rows, columns):
    """Enlarges a box to the whole image, bilinearly."""
    for axis, (start, stop) in enumerate((rows, columns)):
        size = image.shape[axis]
        at = np.clip(start + (np.arange(size) + 0.5) * (stop - start) / size - 0.5, start, stop - 1)
        low = np.minimum(at.astype(int), stop - 1)
        share = np.moveaxis((at - low).astype("float32")[:, None, None], 0, axis)
        image = ((1 - share) * image.take(low, axis)
                 + share * image.take(np.minimum(low + 1, stop - 1), axis))
    return image


AUGMENTATIONS = {function.__name__: function for function in (
    flip, rot90, shift, jitter, resized_crop, _crop_of(384, 448), _crop_of(480, 512),
    _crop_of(128, 160), rand_augment, erase, mixup, light_mixup, cutmix)}
MIXING = ("mixup", "light_mixup", "cutmix")
