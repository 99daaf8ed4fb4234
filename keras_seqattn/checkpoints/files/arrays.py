"""The arrays of a file, each read when it is asked for, and nothing of the file executed."""

import json
import math
import pathlib
import struct
import zipfile

import numpy as np

from keras_seqattn.checkpoints.files.ahead import Place
from keras_seqattn.errors import explain

# A deflated archive holds at most 1032 times its size. Weights, even of zeros in part, stay far
# below this; what is small is read in any case.
MOST_TIMES, SMALL = 100, 64 * 2 ** 20
INDEX = "model.safetensors.index.json"
# Names of the file of weights in a folder, in the order in which they are looked for.
IN_FOLDERS = ("model.safetensors", INDEX, "pytorch_model.bin", "checkpoint.npz")
# Of safetensors: the numbers that a file has as NumPy has them.
PLAIN = {name: np.dtype(code) for name, code in (("F64", "<f8"), ("F32", "<f4"), ("F16", "<f2"))}


class Stored:
    """An array of a file: its shape, and its numbers for `numpy.asarray`.

    Attributes:
        shape: Its shape.
        place: Its `ahead.Place`, or `None` where it does not lie in the file as it is in memory.
        ahead: Function that gives the array, or `None`, if it was read ahead.
    """

    def __init__(self, shape, read, place=None):
        self.shape, self.place, self.ahead = tuple(shape), place, None
        self._read = read

    def __array__(self, dtype=None, copy=None):
        array = None if self.ahead is None else self.ahead(self)
        if array is None:  # read here, what is wrong with it is told
            array = self._read()
        return array if dtype is None else array.astype(dtype)


def open_arrays(path):
    """Opens a file of weights.

    Args:
        path: A `.npz` file, a `.safetensors` file, a state that `torch.save` wrote (`.pth`, `.pt`,
            `.bin`), or a folder with one of them, in parts too, as `save_pretrained` writes it.

    Returns:
        Dictionary from keys to arrays, of which each has a `shape` and is read by `numpy.asarray`,
        and dictionary of the file's metadata.

    Raises:
        ValueError: there is no such file; it is damaged, holds objects, names what lies outside it
            or claims to be far larger than it is.
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


def _open_npz(path):
    damaged = _damaged(path, "an .npz file of plain arrays")
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise damaged(error) from error
    members = archive.infolist()
    size, claimed = path.stat().st_size, sum(member.file_size for member in members)
    if claimed > max(SMALL, MOST_TIMES * size):
        raise ValueError(explain(
            f"the arrays must not be more than {MOST_TIMES} times as large as their file",
            file=str(path), bytes=size, claimed=claimed, fix="get the file from its publisher"))
    arrays = {}
    for member in members:
        name = pathlib.PurePosixPath(member.filename)
        if (name.is_absolute() or ".." in name.parts or "\\" in member.filename
                or name.suffix != ".npy" or member.filename[:-4] in arrays):
            raise ValueError(explain(
                "each entry of the file must be an array with a name of its own",
                file=str(path), entry=member.filename, fix="save it with numpy.savez"))
        try:
            with archive.open(member) as file:
                shape, by_columns, dtype = _npy_header(file)
                skipped = file.tell()
                wanted = skipped + math.prod(shape) * dtype.itemsize
        except (OSError, ValueError, zipfile.BadZipFile, EOFError, NotImplementedError,
                RuntimeError) as error:
            raise damaged(error, member.filename) from error
        if dtype.hasobject or min(shape, default=0) < 0 or wanted != member.file_size:
            raise ValueError(explain(
                "each array must be of numbers and as long as its header says", file=str(path),
                entry=member.filename, dtype=str(dtype), shape=shape, bytes=member.file_size,
                fix="get the file from its publisher, or save arrays of numbers"))

        def read(member=member):
            try:
                with archive.open(member) as file:
                    return np.lib.format.read_array(file, allow_pickle=False)
            except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
                raise damaged(error, member.filename) from error

        plain = member.compress_type == zipfile.ZIP_STORED and not by_columns and dtype.isnative
        arrays[member.filename[:-4]] = Stored(shape, read, Place(
            path, _start(path, member), skipped, shape, dtype, member.CRC) if plain else None)
    return arrays, {}


def _npy_header(file):
    version = np.lib.format.read_magic(file)
    read = (np.lib.format.read_array_header_1_0 if version == (1, 0)
            else np.lib.format.read_array_header_2_0)
    return read(file)


def _start(path, member):
    """Offset of an entry of an archive, behind its local header: 30 bytes and two texts."""
    with open(path, "rb") as file:
        file.seek(member.header_offset + 26)
        return member.header_offset + 30 + sum(struct.unpack("<HH", file.read(4)))


def _open_safetensors(path):
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ImportError(explain(
            "safetensors is needed to read this file", file=str(path),
            fix="pip install 'keras_seqattn[checkpoints]'")) from error
    damaged = _damaged(path, "a safetensors file")
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise damaged(error) from error

    def read(key):
        try:
            with safe_open(path, "numpy") as file:  # opened anew, so that no page stays in memory
                return file.get_tensor(key)
        except (SafetensorError, OSError, TypeError, AttributeError) as error:
            raise damaged(error, key) from error

    # The library has checked what is read here: a length, that of the header, and the header.
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    arrays = {}
    for key, shape in shapes.items():
        dtype, start = header[key]["dtype"], 8 + length + header[key]["data_offsets"][0]
        arrays[key] = Stored(
            shape, lambda key=key: read(key),
            Place(path, start, 0, tuple(shape), PLAIN[dtype]) if dtype in PLAIN else None)
    return arrays, metadata


def _open_parts(index):
    """Reads an index of several files, of which none may lie outside the index's folder."""
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = sorted(set(places.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(index, "an index of files of weights")(error) from error
    for name in names:
        if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\:"):
            raise ValueError(explain(
                "each part must lie in the folder of its index", index=str(index), part=name,
                fix="get the files from their publisher"))
    arrays = {}
    for name in names:
        part, _ = open_arrays(index.with_name(name))
        arrays |= {key: array for key, array in part.items() if places.get(key) == name}
    lost = sorted(set(places) - set(arrays))
    if lost:
        raise ValueError(explain(
            "the parts must hold the arrays that their index names", index=str(index),
            keys=lost[:5], number=len(lost), fix="get all the files again"))
    return arrays, {}


def _open_torch(path):
    try:
        import torch
    except ImportError as error:
        raise ImportError(explain(
            "torch is needed to read PyTorch's own files", file=str(path),
            fix="pip install torch, or save the weights as safetensors")) from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and struct raise whatever they meet
        raise _damaged(path, "a state of tensors that torch.save wrote")(error) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(map(torch.is_tensor, state.values())):
        raise ValueError(explain(
            "the file must hold a dictionary from keys to tensors", file=str(path),
            kind=type(state).__name__, fix="save the module's state_dict()"))

    def read(tensor):
        tensor = tensor.detach()
        return (tensor.float() if tensor.is_floating_point() else tensor).contiguous().numpy()

    return ({key.removeprefix("module."): Stored(tensor.shape, lambda tensor=tensor: read(tensor))
             for key, tensor in state.items()}, {})


def _damaged(path, kind):
    def error(cause, entry=None):
        return ValueError(explain(
            f"the checkpoint must be {kind}", file=str(path),
            **({} if entry is None else {"entry": entry}),
            error=" ".join(str(cause).split())[:200], fix="get the file again, or save it anew"))
    return error


READERS = {".npz": _open_npz, ".safetensors": _open_safetensors,
           ".pth": _open_torch, ".pt": _open_torch, ".bin": _open_torch}
