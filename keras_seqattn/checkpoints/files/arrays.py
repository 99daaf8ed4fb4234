"""The arrays of any file of weights, each read when it is asked for."""

import json
import os
import pathlib
import typing

from keras_seqattn.checkpoints.files.npz import open_npz
from keras_seqattn.checkpoints.files.pickled import open_pickled
from keras_seqattn.checkpoints.files.safetensors import open_safetensors
from keras_seqattn.checkpoints.files.stored import Opened, Stored, damaged
from keras_seqattn.errors import explain

READERS = {".npz": open_npz, ".safetensors": open_safetensors,
           ".pth": open_pickled, ".pt": open_pickled, ".bin": open_pickled}
INDEX = "model.safetensors.index.json"
# Names of the file of weights in a folder, in the order in which they are looked for.
IN_FOLDERS = ("model.safetensors", INDEX, "pytorch_model.bin", "checkpoint.npz")


def open_arrays(path: os.PathLike | str) -> Opened:
    """Opens a file of weights.

    Args:
        path: One of these:

            - a `.npz` file
            - a `.safetensors` file
            - a state that `torch.save` wrote: `.pth`, `.pt` or `.bin`
            - an index of several files, as `save_pretrained` writes it
            - a folder with one of them under a usual name

    Returns:
        Dictionary from keys to arrays, and dictionary of the file's metadata. Each array has a
        `shape` and is read by `numpy.asarray`.

    Raises:
        ValueError: there is no such file, or it is damaged. Or it holds objects, names what lies
            outside it or claims to be far larger than it is.
        ImportError: safetensors, or for PyTorch's files torch, is not installed.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        found = [path / name for name in IN_FOLDERS if (path / name).is_file()]
        if not found:
            raise ValueError(explain(
                "the folder must hold a file of weights", folder=str(path),
                names=list(IN_FOLDERS), fix="pass the file itself"))
        path = found[0]
    if not path.is_file():
        raise ValueError(explain(
            "the checkpoint must be a file or a folder", file=str(path), fix="check the path"))
    if path.name.endswith(".index.json"):
        return _open_parts(path)
    if path.suffix not in READERS:
        raise ValueError(explain(
            "the file of weights must be of a known kind", file=str(path),
            known=sorted(READERS), fix="pass such a file, or a folder with one"))
    return READERS[path.suffix](path)


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
            for key, array in open_arrays(path)[0].items()}


def _open_parts(index: pathlib.Path) -> Opened:
    """Reads an index of several files, of which none may lie outside the index's folder."""
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = sorted(set(places.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(index, "an index of files of weights", error) from error
    for name in names:
        if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\:"):
            raise ValueError(explain(
                "each part must lie in the folder of its index", index=str(index), part=name,
                fix="get the files from their publisher"))
    arrays: dict[str, Stored] = {}
    for name in names:
        part, _ = open_arrays(index.with_name(name))
        arrays |= {key: array for key, array in part.items() if places.get(key) == name}
    lost = sorted(set(places) - set(arrays))
    if lost:
        raise ValueError(explain(
            "the parts must hold the arrays that their index names", index=str(index),
            keys=lost[:5], number=len(lost), fix="get all the files again"))
    return arrays, {}
