"""The arrays of any file of weights, each read when it is asked for."""

import json
import os
import pathlib
import typing

from keras_seqattn.checkpoints.files.hdf5 import open_hdf5
from keras_seqattn.checkpoints.files.npz import open_npz
from keras_seqattn.checkpoints.files.pickled import open_pickled
from keras_seqattn.checkpoints.files.safetensors import open_safetensors
from keras_seqattn.checkpoints.files.stored import Opened, Stored, damaged
from keras_seqattn.errors import explain

READERS: dict[str, typing.Callable[..., Opened]] = {
    ".npz": open_npz, ".h5": open_hdf5, ".safetensors": open_safetensors,
    **dict.fromkeys((".pth", ".pt", ".bin", ".ckpt", ".tar"), open_pickled)}
INDEX, KERAS_INDEX = ".index.json", ".weights.json"
# Names of the file of weights in a folder, in the order in which they are looked for.
PARTS = ("encoder", "decoder")   # stems of files that are a model together
IN_FOLDERS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
              "pytorch_model.bin.index.json", "checkpoint.npz", "model.weights.h5",
              "model.weights.json")


def open_arrays(path: os.PathLike | str, weights: str | None = None) -> Opened:
    """Opens a file of weights.

    Args:
        path: One of these:

            - a `.npz` file
            - a `.safetensors` file
            - a state that `torch.save` wrote: `.pth`, `.pt`, `.bin`, `.ckpt` or `.pth.tar`
            - an index of several files, as `save_pretrained` or `save_weights` writes it
            - a folder with one of them, under a usual name or alone
        weights: Name of the tree in a file of PyTorch that holds several, as for `trees.choose`.

    Returns:
        `Opened`. Each array has a `shape` and is read by `numpy.asarray`.

    Raises:
        ValueError: there is no such file, or it is damaged. Or it holds objects, names what lies
            outside it or claims to be far larger than it is. Or it holds several trees, none of
            which can be meant.
        ImportError: safetensors, or for PyTorch's files torch, is not installed.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        path = _in_folder(path)
    if not path.is_file():
        raise ValueError(explain(
            "the checkpoint must be a file or a folder", file=str(path), fix="check the path"))
    if path.name.endswith((INDEX, KERAS_INDEX)):
        return _open_parts(path)
    if path.suffix not in READERS:
        raise ValueError(explain(
            "the file of weights must be of a known kind", file=str(path),
            known=sorted(READERS), fix="pass such a file, or a folder with one"))
    read = READERS[path.suffix]
    return read(path, weights) if read is open_pickled else read(path)


def _in_folder(folder: pathlib.Path) -> pathlib.Path:
    """The file of a usual name, or else the only one of a known kind that is no part."""
    named = [folder / name for name in IN_FOLDERS if (folder / name).is_file()]
    indices = sorted(folder.glob(f"*{INDEX}"))
    others = sorted(each for each in folder.iterdir() if each.suffix in READERS)
    found = named[:1] or indices or others
    if len(found) != 1 or found[0].stem in PARTS:
        raise ValueError(explain(
            "the folder must hold one file of weights, or one of a usual name",
            folder=str(folder), found=[each.name for each in found][:5], names=list(IN_FOLDERS),
            fix="pass the file itself"))
    return found[0]


def open_together(paths: typing.Iterable[pathlib.Path]) -> dict[str, Stored]:
    """Opens files that are one checkpoint together.

    Args:
        paths: Files of weights.

    Returns:
        Dictionary from keys to arrays. Before a key stand the stem of its file and a point: `w` of
        `encoder.npz` is `encoder.w`.

    Raises:
        ValueError: as for `open_arrays`.
        ImportError: as for `open_arrays`.
    """
    return {f"{path.stem}.{key}": array for path in paths
            for key, array in open_arrays(path).arrays.items()}


def _open_parts(index: pathlib.Path) -> Opened:
    """Reads an index of several files, of which none may lie outside the index's folder.

    PyTorch's names the file of each array. That of Keras names the files of each layer's arrays.
    """
    of_layers = index.name.endswith(KERAS_INDEX)
    try:
        told = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        places = {key.strip("/") if of_layers else key: tuple(files)
                  if of_layers and isinstance(files, list) else (files,)
                  for key, files in told.items()}
        names = sorted({name for files in places.values() for name in files})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(index, "an index of files of weights", error) from error
    for name in names:
        if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\:"):
            raise ValueError(explain(
                "each part must lie in the folder of its index", index=str(index), part=name,
                fix="get the files from their publisher"))
    arrays: dict[str, Stored] = {}
    for name in names:
        part = open_arrays(index.with_name(name)).arrays
        arrays |= {key: array for key, array in part.items()
                   if name in places.get(key.rpartition("/")[0] if of_layers else key, ())}
    found = {key.rpartition("/")[0] for key in arrays} if of_layers else set(arrays)
    lost = sorted(set(places) - found)
    if lost:
        raise ValueError(explain(
            "the parts must hold the arrays that their index names", index=str(index),
            keys=lost[:5], number=len(lost), fix="get all the files again"))
    return Opened(arrays)
