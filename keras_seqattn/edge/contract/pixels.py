"""Pixels on the way into a model: their scale, and the input that golden outputs belong to."""

import collections.abc
import math
import typing

import numpy as np

from keras_seqattn.errors import explain


def golden_input(shape: collections.abc.Sequence[int], dtype: typing.Any,
                 mean: typing.Any = None, std: typing.Any = None) -> np.ndarray:
    """Makes the input that a file's golden outputs belong to.

    Value `i` of the flattened array comes from the byte `(i · 2654435761 mod 2**32) >> 24`:

    - 8-bit and 16-bit integers take the byte as it is, int8 its bit pattern.
    - Floats of an image take `(byte - mean) / std`, computed in float32.
    - Other floats take `byte / 127.5 - 1`, computed in float32.
    - Wider integers take the byte's lowest bit, since they count or point into a table.
    - Booleans take its lowest bit too.

    Args:
        shape: Shape of the input.
        dtype: NumPy dtype or its name.
        mean: Subtracted from the pixels of an image in floats. One number, or one per channel.
        std: Divides what remains.

    Returns:
        NumPy array.

    >>> golden_input((1, 5), "uint8").tolist()
    [[0, 158, 60, 218, 120]]
    >>> golden_input((2,), "float32").tolist()
    [-1.0, 0.239215686917305]
    """
    dtype = np.dtype(dtype)
    count = np.arange(math.prod(shape), dtype="uint64")
    values = ((count * 2654435761 % 2**32) >> 24).astype("uint8").reshape(shape)
    if dtype.kind == "f":
        mean, std = (127.5, 127.5) if mean is None else (mean, std)
        return normalise(values, mean, std).astype(dtype)
    if dtype.itemsize > 2 or dtype.kind == "b":
        values = values & 1
    return values.view(dtype) if dtype == "int8" else values.astype(dtype)


def check_scale(mean: typing.Any, std: typing.Any, channels: int | None = None) -> None:
    """Refuses a scale of pixels that is none.

    Args:
        mean: One number, or one per channel.
        std: The same.
        channels: How many channels the image has that enters; `None` if none does.

    Raises:
        ValueError: a value is no finite number, or there are not as many as channels. `std` is not
            above 0.

    >>> check_scale(127.5, [127.5, 127.5, 127.5], channels=3)
    """
    for name, given in (("mean", mean), ("std", std)):
        try:
            array = np.asarray(given, "float64")
        except (TypeError, ValueError):
            array = np.asarray(np.nan)
        if not np.isfinite(array).all() or (name == "std" and not (array > 0).all()):
            raise ValueError(explain(
                f"`{name}` must be numbers" + (" above 0" if name == "std" else ""),
                **{name: given}, fix="pass one number, or one per channel"))
        if array.ndim > 1 or (array.ndim and channels and array.size not in (1, channels)):
            raise ValueError(explain(
                f"`{name}` must be one number, or one per channel", **{name: given},
                channels=channels, fix="pass as many as the image has channels"))


def normalise(pixels: np.ndarray, mean: typing.Any, std: typing.Any) -> np.ndarray:
    """Brings 8-bit pixels to the scale of a model: `(pixels - mean) / std` in float32."""
    return (pixels.astype("float32") - np.float32(mean)) / np.float32(std)
