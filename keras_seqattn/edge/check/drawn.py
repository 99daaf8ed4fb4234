"""Examples drawn for a model, and copies of examples with some of their positions padded."""

import collections.abc
import dataclasses
import math

import numpy as np

from keras_seqattn.edge.structures import Port

# Of the positions of each row the share that is real; of the last row it is one position.
LENGTHS = (1, 1, 1, 1, 0.75, 0.5, 0.25, 0)
PADDED = LENGTHS[4:]
PIXELS, BITS = 256, 2


@dataclasses.dataclass
class Reading:
    """What a model reads of one input.

    Attributes:
        bound: The ids that it knows are smaller than this; `None` if they are no ids.
        padding: The value of positions that the model passes over; `None` if there are none.
        masks: Whether the input itself says which positions are real.
    """

    bound: int | None = None
    padding: float | None = None
    masks: bool = False


def draw(ports: collections.abc.Iterable[Port], readings: collections.abc.Mapping[str, Reading],
         seed: int = 0) -> dict[str, np.ndarray]:
    """Draws an example for each of `LENGTHS`.

    - Floats are uniform in `[-1, 1)`.
    - Ids are those that the model knows, but for padding.
    - 8-bit pixels take all values.
    - Other integers are 0 or 1.
    - Of a model that masks, half of the rows end in padding, each behind another position.
    - What masks by itself is true for real positions.

    Args:
        ports: The inputs, with known sizes.
        readings: What the model reads of them, by name.
        seed: Seed of the draw.

    Returns:
        Dictionary of arrays `(8, …)` by the name of the input, in the input's dtype.
    """
    rng, drawn = np.random.default_rng(seed), {}
    for port in ports:
        shape = (len(LENGTHS), *(size or 1 for size in port.shape[1:]))
        array = _draw(rng, readings.get(port.name, Reading()), np.dtype(port.dtype), shape)
        drawn[port.name] = array.astype(port.dtype)
    return _cut(drawn, readings, LENGTHS)


def _draw(rng, reading, dtype, shape):
    if reading.masks and len(shape) > 1:
        array = np.ones(shape)
        if len(shape) > 2:  # who may read whom: something, in every row
            array = rng.integers(0, BITS, shape)
            array[..., 0] = 1
        return array
    if dtype.kind == "f" and reading.bound is None:
        return rng.uniform(-1, 1, shape)
    least = 1 if reading.padding == 0 and dtype.kind != "b" else 0
    bound = reading.bound or (PIXELS if dtype == "uint8" else BITS)
    return rng.integers(least, max(bound, least + 1), shape)


def padded_copies(arrays: collections.abc.Mapping[str, np.ndarray],
                  readings: collections.abc.Mapping[str, Reading],
                  ) -> dict[str, np.ndarray] | None:
    """Copies the first examples, and pads each copy behind another position.

    Args:
        arrays: Arrays `(n, …)` by the name of the input.
        readings: What the model reads of them, by name.

    Returns:
        Dictionary of arrays `(4, …)`. `None` where the model does not mask, or where examples have
        padding of their own.
    """
    masking = {name: reading for name, reading in readings.items()
               if reading.padding is not None or reading.masks}
    if any(_has_padding(arrays[name], reading) for name, reading in masking.items()):
        return None
    rows = np.resize(np.arange(len(next(iter(arrays.values())))), len(PADDED))
    first = {name: array[rows] for name, array in arrays.items()}
    copies = _cut(first, readings, PADDED)
    same = all(np.array_equal(copies[name], array) for name, array in first.items())
    return None if same else copies


def _cut(arrays, readings, shares):
    """Pads the end of each row, as far as the model passes over it."""
    made = {name: array.copy() for name, array in arrays.items()}
    for name, array in made.items():
        reading = readings.get(name, Reading())
        padding = 0 if reading.masks else reading.padding
        if padding is None or array.ndim < 2:
            continue
        places = np.moveaxis(array, _axis(array, reading), 1)  # (n, T, …), a view
        for row, share in zip(places, shares, strict=True):
            row[max(1, math.ceil(share * len(row))):] = padding
    return made


def _axis(array, reading):
    """Where an input has its positions: last, but for the features of each position."""
    features = not reading.masks and reading.bound is None and array.ndim > 2
    return array.ndim - 1 - features


def _has_padding(array, reading):
    if array.ndim < 2:
        return False
    if reading.masks:
        return not array.all()
    padding = array == reading.padding
    return bool((padding.all(axis=-1) if _axis(array, reading) < array.ndim - 1 else padding).any())
