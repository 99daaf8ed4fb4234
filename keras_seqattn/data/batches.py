"""Batches for `model.fit`, the same on every backend: seed, epoch and index make the batch."""

import math

import keras
import numpy as np

from keras_seqattn.data.augment import AUGMENTATIONS


def scale(images):
    """Brings 8-bit pixels to float32 in `[-1, 1]`, as every model here expects them.

    >>> import numpy as np
    >>> scale(np.array([0, 255], "uint8")).tolist()
    [-1.0, 1.0]
    """
    return images.astype("float32") / 127.5 - 1.0


class Batches(keras.utils.PyDataset):
    """Shuffled, augmented batches of labelled images.

    Each batch is a pair: images, float32 `(B, height, width, channels)` in `[-1, 1]`,
    and their classes, float32 `(B, num_classes)`, 1 at the right one.

    Args:
        data: `LabelledImages`.
        batch_size: Examples per batch; the last one of an epoch may be smaller.
        augment: Names of augmentations, applied in this order; keys of `augment.AUGMENTATIONS`.
        seed: Seed of order and augmentation, or `None` for the given order and no augmentation.
    """

    def __init__(self, data, batch_size, augment=(), seed=None):
        super().__init__()
        self._data = data
        self._batch_size = batch_size
        self._augment = [AUGMENTATIONS[name] for name in augment]
        self._seed = seed
        self._epoch = 0
        self._order = self._draw_order()

    def __len__(self):
        return math.ceil(len(self._data.labels) / self._batch_size)

    def __getitem__(self, index):
        chosen = self._order[index * self._batch_size:(index + 1) * self._batch_size]
        images = scale(self._data.images[chosen])
        labels = keras.utils.to_categorical(
            self._data.labels[chosen], len(self._data.classes)).astype("float32")
        if self._seed is not None:
            rng = np.random.default_rng((self._seed, self._epoch, 1 + index))
            for augment in self._augment:
                images, labels = augment(images, labels, rng)
        return images, labels

    def on_epoch_end(self):
        self._epoch += 1
        self._order = self._draw_order()

    def _draw_order(self):
        count = len(self._data.labels)
        if self._seed is None:
            return np.arange(count)
        return np.random.default_rng((self._seed, self._epoch, 0)).permutation(count)
