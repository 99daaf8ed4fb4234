"""Arrays of a file that a thread reads while the model for them is built."""

import concurrent.futures
import contextlib
import dataclasses
import math
import mmap
import os
import pathlib
import typing
import zlib

import numpy as np

# Of one call to the operating system: bytes in all, arrays, bytes between two of them. A call
# should read all it can. The thread that builds the model lets go of Python's lock often and
# briefly, so that another thread rarely gets it.
MOST_BYTES, MOST_ARRAYS, MOST_GAP = 2 ** 31 - 2 ** 12, 340, 2 ** 12


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an array lies in a file, uncompressed and in the order of C.

    Attributes:
        path: The file.
        start: Offset of the first byte that `checksum` is of.
        skipped: Number of bytes from there to the numbers.
        shape: Shape of the array.
        dtype: Its `numpy.dtype`.
        checksum: CRC-32 of the skipped bytes and the numbers, or `None`.
    """

    path: pathlib.Path
    start: int
    skipped: int
    shape: tuple[int, ...]
    dtype: np.dtype
    checksum: int | None = None

    @property
    def end(self) -> int:
        """Offset behind the numbers."""
        return self.start + self.skipped + math.prod(self.shape) * self.dtype.itemsize


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Returns memory for an array that begins where TensorFlow takes it over without a copy.

    The operating system gives it in pages of the usual size. NumPy asks for huge ones, and a system
    that has none left moves its memory about to make some.

    Args:
        shape: Shape of the array.
        dtype: Type of its numbers.
    """
    size = math.prod(shape)
    private = {"flags": mmap.MAP_PRIVATE} if hasattr(mmap, "MAP_PRIVATE") else {}
    memory = mmap.mmap(-1, max(size * dtype.itemsize, 1), **private)
    return np.frombuffer(memory, dtype, size).reshape(shape)


@contextlib.contextmanager
def read_ahead(places: typing.Mapping[typing.Any, Place]) -> typing.Iterator[
        typing.Callable[[typing.Any], np.ndarray | None]]:
    """Reads arrays in a thread, in the order in which they lie in their files.

    Args:
        places: Dictionary from anything to the `Place` of its array.

    Yields:
        Function of a key of `places` that waits for its array and gives it away. It gives `None`
        for an array that could not be read, was asked for before, or has no place.
    """
    if not hasattr(os, "preadv"):  # Windows: a thread that reads piece by piece waits for Python
        yield lambda key: None
        return
    thread = concurrent.futures.ThreadPoolExecutor(1)
    reading: dict[typing.Any, concurrent.futures.Future] = {}
    for group in _groups(places):
        future = thread.submit(_read, {key: places[key] for key in group})
        reading |= dict.fromkeys(group, future)
    try:
        yield lambda key: reading[key].result().pop(key, None) if key in reading else None
    finally:
        thread.shutdown(cancel_futures=True)


def _groups(places: typing.Mapping[typing.Any, Place]) -> typing.Iterator[list]:
    """Keys of arrays that one call reads: neighbours in a file, but for small gaps."""
    group: list = []
    for key in sorted(places, key=lambda key: (places[key].path, places[key].start)):
        if group:
            first, last, place = places[group[0]], places[group[-1]], places[key]
            if (first.path != place.path or not 0 <= place.start - last.end <= MOST_GAP
                    or place.end - first.start > MOST_BYTES or len(group) == MOST_ARRAYS):
                yield group
                group = []
        group.append(key)
    if group:
        yield group


def _read(places: dict[typing.Any, Place]) -> dict[typing.Any, np.ndarray]:
    """The arrays of a group by key, without those that are cut or damaged."""
    pieces: list = []
    arrays: dict[typing.Any, np.ndarray] = {}
    heads: dict[typing.Any, bytearray] = {}
    first = next(iter(places.values()))
    end = first.start
    try:
        for key, place in places.items():
            arrays[key], heads[key] = empty(place.shape, place.dtype), bytearray(place.skipped)
            pieces += [bytearray(place.start - end), heads[key], _bytes(arrays[key])]
            end = place.end
        with open(first.path, "rb") as file:
            count = os.preadv(file.fileno(), pieces, first.start)
    except (OSError, OverflowError):  # the file is gone, or a size that it claims is no size
        return {}
    if count < end - first.start:
        return {}
    return {key: array for key, array in arrays.items() if places[key].checksum in (
        None, zlib.crc32(_bytes(array), zlib.crc32(heads[key])))}


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view("uint8").data
