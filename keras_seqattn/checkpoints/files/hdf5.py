"""Weights that Keras saved: `.weights.h5` files."""

import pathlib
import typing

import numpy as np

from keras_seqattn.checkpoints.files.stored import Opened, Stored, damaged


def open_hdf5(path: pathlib.Path) -> Opened:
    """Opens a `.h5` file of weights.

    Args:
        path: The file.

    Returns:
        Dictionary from keys to arrays, and an empty dictionary of metadata. A key is the path of a
        layer with the number of its weight, such as `layers/dense/vars/0`.

    Raises:
        ValueError: the file is damaged.
    """
    import h5py

    arrays: dict[str, Stored] = {}

    def note(key: str, entry: typing.Any) -> None:
        if isinstance(entry, h5py.Dataset):
            arrays[key] = Stored(entry.shape, lambda: _read(path, key))

    try:
        with h5py.File(path) as file:
            file.visititems(note)
    except OSError as error:
        raise damaged(path, "an HDF5 file", error) from error
    return Opened(arrays)


def _read(path: pathlib.Path, key: str) -> np.ndarray:
    import h5py

    try:
        with h5py.File(path) as file:
            array = np.asarray(file[key])
            told = file[key].attrs.get("dtype")
    except (OSError, KeyError) as error:
        raise damaged(path, "an HDF5 file", error, key) from error
    if told == "bfloat16":  # which HDF5 does not know
        import ml_dtypes

        array = array.view(ml_dtypes.bfloat16)
    return array
