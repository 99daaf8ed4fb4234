"""Batches for `model.fit`, the same on every backend and for any number of devices.

A batch follows from the seed and its step alone, and each pair of neighbours in it from their
place. So a run can be continued at any step, and each host can make its own share of a batch.
"""

import math
from collections.abc import Sequence

import keras
import numpy as np

from keras_seqattn.data.augment import AUGMENTATIONS
from keras_seqattn.data.stored import LabelledImages, StoredImages
from keras_seqattn.errors import explain


def scale(images: np.ndarray) -> np.ndarray:
    """Brings 8-bit pixels to float32 in `[-1, 1]`, as every model here expects them.

    >>> import numpy as np
    >>> scale(np.array([0, 255], "uint8")).tolist()
    [-1.0, 1.0]
    """
    return images.astype("float32") / 127.5 - 1.0


def share_size(batch_size: int, shares: int) -> int:
    """Returns the number of examples of a batch that each of `shares` equal shares has.

    Raises:
        ValueError: the shares do not divide the batch.

    >>> share_size(6, 3)
    2
    """
    if batch_size % shares:
        raise ValueError(explain(
            "the replicas must divide `batch_size`, which counts examples over all of them",
            batch_size=batch_size, replicas=shares,
            fix=f"use batch_size={max(round(batch_size / shares), 1) * shares}"))
    return batch_size // shares


class Epochs(keras.utils.PyDataset):
    """Which examples each step takes. The base of all batches.

    Args:
        num_examples: Number of examples in an epoch.
        batch_size: Examples per step `B`, over all devices and hosts.
        seed: Seed of the order. Batches then go on without end, epoch after epoch. `None` keeps
            one order and goes once through.
        first_step: Step of the first batch, counted from the start of the training.
        share: `(index, count)`: which of `count` equal shares of each batch is made here.

    Raises:
        ValueError: there is no example.
        ValueError: `count` does not divide `batch_size`.
    """

    def __init__(self, num_examples: int, batch_size: int, seed: int | None = None,
                 first_step: int = 0, share: tuple[int, int] = (0, 1)):
        super().__init__()
        self._share, self._size = share[0], share_size(batch_size, share[1])
        if not num_examples:
            raise ValueError(explain(
                "there must be at least one example", examples=0, fix="pass another source"))
        self._num_examples = num_examples
        self._batch_size = batch_size
        self._seed = seed
        self._first_step = first_step
        self.steps_per_epoch = math.ceil(num_examples / batch_size)
        self._planned: tuple[int | None, list[np.ndarray]] = (None, [])

    @property
    def num_batches(self) -> int | None:
        return self.steps_per_epoch if self._seed is None else None

    def _chosen(self, index):
        """Returns the epoch and the step of a batch, and the examples of all its shares."""
        epoch, step = divmod(self._first_step + index, self.steps_per_epoch)
        planned, batches = self._planned
        if planned != epoch:
            batches = self._plan(epoch)
            self._planned = (epoch, batches)
        return epoch, step, batches[step]

    def _plan(self, epoch):
        """Returns the examples of each batch of an epoch."""
        order = (np.arange(self._num_examples) if self._seed is None else
                 np.random.default_rng((self._seed, 0, epoch)).permutation(self._num_examples))
        return [order[i:i + self._batch_size] for i in range(0, len(order), self._batch_size)]


class Batches(Epochs):
    """Batches of images, their classes and their weights, all of one shape.

    Each batch is a triple of float32 arrays, with `b = batch_size / shares`:

    - images, `(b, height, width, channels)`, in `[-1, 1]`;
    - labels, `(b, num_classes)`;
    - weights, `(b,)`.

    Where the examples of an epoch run out, the last batch is filled up with examples of weight 0.
    Its real ones weigh so much more that the mean over `batch_size` is the mean over them.

    Args:
        examples: What `data.load` returns.
        batch_size: As for `Epochs`.
        augment: Names of augmentations, applied in this order. Keys of `augment.AUGMENTATIONS`.
        seed: As for `Epochs`, and seed of the augmentations. `None` does without augmentation.
        first_step: As for `Epochs`.
        share: As for `Epochs`.

    Raises:
        ValueError: as for `Epochs`.
    """

    def __init__(self, examples: LabelledImages | StoredImages, batch_size: int,
                 augment: Sequence[str] = (), seed: int | None = None, first_step: int = 0,
                 share: tuple[int, int] = (0, 1)):
        super().__init__(len(examples), batch_size, seed, first_step, share)
        self._examples = examples
        self._augment = [AUGMENTATIONS[name] for name in augment]

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        epoch, step, chosen = self._chosen(index)
        start = self._share * self._size
        stop = start + self._size
        # Whole pairs are made, since neighbours mix. What belongs to another share is cut off.
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
            return self.steps_per_epoch * self._batch_size / self._num_examples
        return self._batch_size / count
