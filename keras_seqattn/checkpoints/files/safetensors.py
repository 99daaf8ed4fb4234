"""Arrays of a `.safetensors` file."""

import functools
import json
import pathlib

import numpy as np

from keras_seqattn.checkpoints.files.ahead import Place
from keras_seqattn.checkpoints.files.stored import Opened, Stored, damaged
from keras_seqattn.errors import explain

KIND = "a safetensors file"
# The numbers that a file has as NumPy has them.
PLAIN = {name: np.dtype(code) for name, code in (("F64", "<f8"), ("F32", "<f4"), ("F16", "<f2"))}


def open_safetensors(path: pathlib.Path) -> Opened:
    """Opens a `.safetensors` file.

    Args:
        path: The file.

    Returns:
        `Opened`.

    Raises:
        ValueError: the file is damaged.
        ImportError: safetensors is not installed.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ImportError(explain(
            "safetensors is needed to read this file", file=str(path),
            fix="pip install 'keras_seqattn[checkpoints]'")) from error
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise damaged(path, KIND, error) from error

    def read(key: str) -> np.ndarray:
        try:
            with safe_open(path, "numpy") as file:  # opened anew, so that no page stays in memory
                return file.get_tensor(key)
        except (SafetensorError, OSError, TypeError, AttributeError) as error:
            raise damaged(path, KIND, error, key) from error

    places = _places(path, shapes)
    return Opened({key: Stored(shape, functools.partial(read, key), places[key])
                   for key, shape in shapes.items()}, metadata)


def _places(path: pathlib.Path, shapes: dict[str, list[int]]) -> dict[str, Place | None]:
    """Where the arrays lie, of a file whose header the library has checked."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    places: dict[str, Place | None] = {}
    for key, shape in shapes.items():
        dtype, start = header[key]["dtype"], 8 + length + header[key]["data_offsets"][0]
        places[key] = (
            Place(path, start, 0, tuple(shape), PLAIN[dtype]) if dtype in PLAIN else None)
    return places
