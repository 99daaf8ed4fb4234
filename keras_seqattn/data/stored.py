"""Examples by index: images held in memory, or decoded from what is stored when they are read."""

import concurrent.futures
import dataclasses
import pathlib
import typing

import numpy as np

from keras_seqattn.data.images import Unreadable, decode, readable

# Stands for the indices of all records, while their number is not known.
_ALL = np.empty(0, int)


class Records(typing.Protocol):
    """Pictures with their labels, read by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: typing.Any, /) -> typing.Any: ...


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with their classes, held in memory.

    Attributes:
        images: NumPy uint8, `(n, height, width, channels)`.
        labels: NumPy int32, `(n,)`: index into `classes`.
        classes: Names of the classes.
        skipped: Number of unreadable pictures that were left out.
        files: Path of each picture, where pictures are files. Otherwise empty.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    skipped: int = 0
    files: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns images and labels at `indices`, in that order."""
        return self.images[indices], self.labels[indices]

    def take(self, indices: np.ndarray) -> "LabelledImages":
        """Returns the examples at `indices`, in that order."""
        files = tuple(np.asarray(self.files)[indices].tolist()) if self.files else ()
        return dataclasses.replace(
            self, images=self.images[indices], labels=self.labels[indices], files=files)

    def file(self, index: int) -> str | None:
        """Path of the picture of an example, `None` of what is no file."""
        return self.files[index] if self.files else None


@dataclasses.dataclass(frozen=True, eq=False)
class StoredImages:
    """Images with their labels, decoded at each reading and never held together.

    Attributes:
        records: Pairs of a picture, as `decode` takes it, and its label. The label is a class, an
            array with 1 at each right class or a list of captions.
        classes: Names of the classes. There are none if the labels are captions.
        image_shape: `(height, width, channels)` that pictures are brought to. Defaults to the
            first picture's size in RGB.
        order: NumPy int, `(n,)`: index of each example in `records`. Defaults to all.
        skipped: Number of unreadable pictures that were left out.
        grey: Whether the set stores grey pictures. They fill all channels, without a warning.
        white: Value that is stored for white.
    """

    records: Records
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int] | None = None
    order: np.ndarray = dataclasses.field(default_factory=lambda: _ALL)
    skipped: int = 0
    grey: bool = False
    white: int = 255

    def __post_init__(self):
        if self.order is _ALL:
            object.__setattr__(self, "order", np.arange(len(self.records)))

    def __len__(self) -> int:
        return len(self.order)

    def read(self, indices: np.ndarray) -> tuple[np.ndarray, typing.Any]:
        """Decodes the examples at `indices`, in that order.

        Args:
            indices: NumPy int, `(m,)`.

        Returns:
            Images, NumPy uint8 `(m, height, width, channels)`, and their labels. Labels have one
            of three forms:

            - NumPy int32, `(m,)`, where each image has one class.
            - NumPy float32, `(m, num_classes)`, where an image has several or none. It is 1 at
              each right class.
            - A list of lists of captions.

        Raises:
            Unreadable: a picture cannot be decoded.
        """
        chosen, shape = self.order[indices], self.image_shape or self.first_shape()
        images, labels = np.empty((len(chosen), *shape), "uint8"), []
        for image, index in zip(images, chosen, strict=True):
            picture, label = self.records[index]
            image[:] = self._decode(picture, *shape)
            labels.append(label)
        if not self.classes:
            return images, labels
        stacked = np.asarray(labels)
        return images, stacked.astype("float32" if stacked.ndim == 2 else "int32")

    def take(self, indices: np.ndarray) -> "StoredImages":
        """Returns the examples at `indices`, in that order. Nothing is read."""
        return dataclasses.replace(self, order=self.order[indices])

    def without_unreadable(self) -> "StoredImages":
        """Leaves out every picture that cannot be decoded, which it learns by decoding each."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            good = list(pool.map(lambda index: readable(self.records[index][0]), self.order))
        return dataclasses.replace(
            self, order=self.order[good], skipped=self.skipped + good.count(False))

    def in_memory(self) -> LabelledImages:
        """Returns `LabelledImages` of the same examples."""
        images, labels = self.read(np.arange(len(self)))
        files = tuple(file for file in map(self.file, range(len(self))) if file is not None)
        return LabelledImages(images, labels, self.classes, self.skipped, files)

    def file(self, index: int) -> str | None:
        """Path of the picture of an example, `None` of what is no file."""
        picture, _ = self.records[self.order[index]]
        return str(picture) if isinstance(picture, pathlib.Path) else None

    def first_shape(self) -> tuple[int, int, int]:
        """Returns the shape of the first picture in RGB, `(height, width, 3)`."""
        height, width, _ = self._decode(self.records[self.order[0]][0]).shape
        return height, width, 3

    def _decode(self, picture, height=None, width=None, channels=3):
        size = (height, width) if height else None
        try:
            return decode(picture, size, 1 if self.grey else channels, self.white)
        except Unreadable as error:
            raise Unreadable(
                f"{error} Or leave such pictures out: skip_bad=True, --skip-bad.") from error
