"""Batches for `model.fit`, the same on every backend and for any number of devices.

A batch follows from the seed and its step alone, and each pair of neighbours in it from their
place. So a run can be continued at any step, and each host can make its own share of a batch.
"""

import math

import keras
import numpy as np

from keras_seqattn.data.augment import AUGMENTATIONS
from keras_seqattn.errors import explain


def scale(images):
    """Brings 8-bit pixels to float32 in `[-1, 1]`, as every model here expects them.

    >>> import numpy as np
    >>> scale(np.array([0, 255], "uint8")).tolist()
    [-1.0, 1.0]
    """
    return images.astype("float32") / 127.5 - 1.0


def share_size(batch_size, shares):
    """Number of examples of a batch that each of `shares` equal shares has.

    Raises:
        ValueError: they do not divide the batch.

    >>> share_size(6, 3)
    2
    """
    if batch_size % shares:
        raise ValueError(explain(
            "the replicas must divide `batch_size`, which counts examples over all of them",
            batch_size=batch_size, replicas=shares,
            fix=f"use batch_size={max(round(batch_size / shares), 1) * shares}"))
    return batch_size // shares


class Batches(keras.utils.PyDataset):
    """Batches of images, their classes and their weights, all of one shape.

    Each batch is a triple of float32 arrays: images, `(b, height, width, channels)` in `[-1, 1]`;
    labels, `(b, num_classes)`; weights, `(b,)`, with `b = batch_size / shares`. Where the examples
    of an epoch run out, the last batch is filled up with examples of weight 0. Its real ones weigh
    so much more that the mean over `batch_size` is the mean over them.

    Args:
        examples: What `data.load` returns.
        batch_size: Examples per step `B`, over all devices and hosts.
        augment: Names of augmentations, applied in this order; keys of `augment.AUGMENTATIONS`.
        seed: Seed of order and augmentation. Batches then go on without end, epoch after epoch.
            `None` keeps the given order, once through, without augmentation.
        first_step: Step of the first batch, counted from the start of the training.
        share: `(index, count)`: which of `count` equal shares of each batch is made here.

    Raises:
        ValueError: there is no example, or `count` does not divide `batch_size`.
    """

    def __init__(self, examples, batch_size, augment=(), seed=None, first_step=0, share=(0, 1)):
        super().__init__()
        self._share, self._size = share[0], share_size(batch_size, share[1])
        if not len(examples):
            raise ValueError(explain(
                "there must be at least one example", examples=0, fix="pass another source"))
        self._examples = examples
        self._batch_size = batch_size
        self._augment = [AUGMENTATIONS[name] for name in augment]
        self._seed = seed
        self._first_step = first_step
        self.steps_per_epoch = math.ceil(len(examples) / batch_size)
        self._order = (None, None)

    @property
    def num_batches(self):
        return self.steps_per_epoch if self._seed is None else None

    def __getitem__(self, index):
        epoch, step = divmod(self._first_step + index, self.steps_per_epoch)
        chosen = self._epoch_order(epoch)[step * self._batch_size:(step + 1) * self._batch_size]
        start = self._share * self._size
        stop = start + self._size
        # Whole pairs are made, since neighbours mix; what belongs to another share is cut off.
        first, last = start - start % 2, min(stop + stop % 2, self._batch_size)
        places = np.arange(first, last)
        images, labels = self._make(chosen[places % len(chosen)])
        if self._seed is not None and self._augment:
            for place in range(first, last, 2):
                pair = slice(place - first, place - first + 2)
                rng = np.random.default_rng((self._seed, 1 + epoch, step, place))
                changed, mixed = images[pair], labels[pair]
                for augment in self._augment:
                    changed, mixed = augment(changed, mixed, rng)
                images[pair], labels[pair] = changed, mixed
        weights = np.where(places < len(chosen), self._weight(len(chosen)), 0.0).astype("float32")
        own = slice(start - first, stop - first)
        return images[own], labels[own], weights[own]

    def _make(self, indices):
        images, labels = self._examples.read(indices)
        if labels.ndim == 1:
            labels = keras.utils.to_categorical(labels, len(self._examples.classes))
        return scale(images), labels.astype("float32")

    def _weight(self, count):
        """Weight of each of the real examples of a batch."""
        if self._seed is None:  # over all batches together, the mean is that over all examples
            return self.steps_per_epoch * self._batch_size / len(self._examples)
        return self._batch_size / count

    def _epoch_order(self, epoch):
        if self._order[0] != epoch:
            count = len(self._examples)
            order = (np.arange(count) if self._seed is None
                     else np.random.default_rng((self._seed, 0, epoch)).permutation(count))
            self._order = (epoch, order)
        return self._order[1]
