"""Arrays of a `.npz` file, of which nothing is executed."""

import math
import pathlib
import struct
import typing
import zipfile
import zlib

import ml_dtypes
import numpy as np

from keras_seqattn.checkpoints.files.ahead import Place
from keras_seqattn.checkpoints.files.stored import Opened, Stored, damaged
from keras_seqattn.errors import explain

KIND = "an .npz file of plain arrays"
# A deflated archive holds at most 1032 times its size. Weights stay far below this, even where some
# are zeros. What is small is read in any case.
MOST_TIMES, SMALL = 100, 64 * 2 ** 20
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
# What zipfile and NumPy raise for bytes that nobody wrote.
BROKEN = (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile,
          zlib.error)


def open_npz(path: pathlib.Path) -> Opened:
    """Opens a `.npz` file.

    Args:
        path: The file.

    Returns:
        `Opened`. An array of bfloat16, which NumPy writes as two bytes without a meaning, is one.

    Raises:
        ValueError: the file is damaged or holds objects. Or it names what lies outside it or claims
            to be far larger than it is.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise damaged(path, KIND, error) from error
    members = archive.infolist()
    size, claimed = path.stat().st_size, sum(member.file_size for member in members)
    if claimed > max(SMALL, MOST_TIMES * size):
        raise ValueError(explain(
            f"the arrays must not be more than {MOST_TIMES} times as large as their file",
            file=str(path), bytes=size, claimed=claimed, fix="get the file from its publisher"))
    arrays: dict[str, Stored] = {}
    for member in members:
        name = pathlib.PurePosixPath(member.filename)
        if (name.is_absolute() or ".." in name.parts or "\\" in member.filename
                or name.suffix != ".npy" or member.filename[:-4] in arrays):
            raise ValueError(explain(
                "each entry of the file must be an array with a name of its own",
                file=str(path), entry=member.filename, fix="save it with numpy.savez"))
        arrays[member.filename[:-4]] = _stored(path, archive, member)
    return Opened(arrays)


def _stored(path: pathlib.Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Stored:
    try:
        with archive.open(member) as file:
            shape, by_columns, dtype = _header(file)
            skipped = file.tell()
            wanted = skipped + math.prod(shape) * dtype.itemsize
    except BROKEN as error:
        raise damaged(path, KIND, error, member.filename) from error
    if (dtype.hasobject or (dtype.kind == "V" and dtype != BFLOAT16)
            or min(shape, default=0) < 0 or wanted != member.file_size):
        raise ValueError(explain(
            "each array must be of numbers and as long as its header says", file=str(path),
            entry=member.filename, dtype=str(dtype), shape=shape, bytes=member.file_size,
            fix="get the file from its publisher, or save arrays of numbers"))

    def read() -> np.ndarray:
        try:
            with archive.open(member) as file:
                return np.lib.format.read_array(file, allow_pickle=False).view(dtype)
        except BROKEN as error:
            raise damaged(path, KIND, error, member.filename) from error

    plain = member.compress_type == zipfile.ZIP_STORED and not by_columns and dtype.isnative
    return Stored(shape, read, Place(
        path, _start(path, member), skipped, shape, dtype, member.CRC) if plain else None)


def _header(file: typing.IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    read = (np.lib.format.read_array_header_1_0 if version == (1, 0)
            else np.lib.format.read_array_header_2_0)
    shape, by_columns, dtype = read(file)
    return shape, by_columns, BFLOAT16 if dtype == "V2" else dtype


def _start(path: pathlib.Path, member: zipfile.ZipInfo) -> int:
    """Offset of an entry of an archive, behind its local header: 30 bytes and two texts."""
    with open(path, "rb") as file:
        file.seek(member.header_offset + 26)
        return member.header_offset + 30 + sum(struct.unpack("<HH", file.read(4)))
