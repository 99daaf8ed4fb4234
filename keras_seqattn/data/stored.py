"""Examples by index: images held in memory, or decoded from what is stored when they are read."""

import concurrent.futures
import dataclasses

import numpy as np

from keras_seqattn.data.images import decode, readable


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with their classes, held in memory.

    Attributes:
        images: NumPy uint8, `(n, height, width, channels)`.
        labels: NumPy int32, `(n,)`: index into `classes`.
        classes: Names of the classes.
        skipped: Number of unreadable pictures that were left out.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple
    skipped: int = 0

    def __len__(self):
        return len(self.labels)

    def read(self, indices):
        """Returns images and labels at `indices`, in that order."""
        return self.images[indices], self.labels[indices]

    def take(self, indices):
        """Returns the examples at `indices`, in that order."""
        return dataclasses.replace(self, images=self.images[indices], labels=self.labels[indices])


@dataclasses.dataclass(frozen=True, eq=False)
class StoredImages:
    """Images with their labels, decoded at each reading and never held together.

    Attributes:
        records: Sequence whose item `i` is a pair: a picture, as `decode` takes it, and its label:
            a class, an array with 1 at each right class, or a list of captions.
        classes: Names of the classes; none if the labels are captions.
        image_shape: `(height, width, channels)` that pictures are brought to.
        order: NumPy int, `(n,)`: index of each example in `records`. Defaults to all.
        skipped: Number of unreadable pictures that were left out.
        grey: Whether the set stores grey pictures. They fill all channels, without a warning.
        white: Value that is stored for white.
    """

    records: object
    classes: tuple
    image_shape: tuple = None
    order: np.ndarray = None
    skipped: int = 0
    grey: bool = False
    white: int = 255

    def __post_init__(self):
        if self.order is None:
            object.__setattr__(self, "order", np.arange(len(self.records)))

    def __len__(self):
        return len(self.order)

    def read(self, indices):
        """Decodes the examples at `indices`, in that order.

        Args:
            indices: NumPy int, `(m,)`.

        Returns:
            Images, NumPy uint8, `(m, height, width, channels)`, and labels: NumPy int32, `(m,)`,
            for one class each; float32, `(m, num_classes)`, 1 at each right class, where an image
            has several or none; or a list of lists of captions.

        Raises:
            Unreadable: a picture cannot be decoded.
        """
        chosen = self.order[indices]
        images, labels = np.empty((len(chosen), *self.image_shape), "uint8"), []
        for image, index in zip(images, chosen, strict=True):
            picture, label = self.records[index]
            image[:] = self._decode(picture, *self.image_shape)
            labels.append(label)
        if not self.classes:
            return images, labels
        labels = np.asarray(labels)
        return images, labels.astype("float32" if labels.ndim == 2 else "int32")

    def take(self, indices):
        """Returns the examples at `indices`, in that order; nothing is read."""
        return dataclasses.replace(self, order=self.order[indices])

    def without_unreadable(self):
        """Leaves out every picture that cannot be decoded; each is decoded once to know it."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            good = list(pool.map(lambda index: readable(self.records[index][0]), self.order))
        return dataclasses.replace(
            self, order=self.order[good], skipped=self.skipped + good.count(False))

    def in_memory(self):
        """Returns `LabelledImages` of the same examples."""
        return LabelledImages(*self.read(np.arange(len(self))), self.classes, self.skipped)

    def first_shape(self):
        """Returns the shape of the first picture, in RGB: `(height, width, 3)`."""
        height, width, _ = self._decode(self.records[self.order[0]][0]).shape
        return height, width, 3

    def _decode(self, picture, height=None, width=None, channels=3):
        size = (height, width) if height else None
        return decode(picture, size, 1 if self.grey else channels, self.white)
