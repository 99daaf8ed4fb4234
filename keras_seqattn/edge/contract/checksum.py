"""A checksum at the end of a file: what was cut or damaged in one place is recognised there.

The file's last 71 bytes are `sha256:` and the hash of all bytes before the hash. `MARK`, in its
first `HEAD` bytes, says that they must be there. So a file that lost its end is recognised too.
"""

import hashlib
import mmap
import os

from keras_seqattn.errors import explain

MARK = "keras_seqattn: the last 64 bytes are the SHA-256 of those before"
PLACE = b"sha256:" + b"0" * 64
HASH = 64
HEAD = 1 << 22
CHUNK = 1 << 20


def sha256(path: os.PathLike | str, size: int | None = None) -> str:
    """Returns the SHA-256 of a file's first `size` bytes, or of all, in hexadecimal digits."""
    digest, left = hashlib.sha256(), os.path.getsize(path) if size is None else size
    with open(path, "rb") as stream:
        while left > 0 and (chunk := stream.read(min(left, CHUNK))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def seal(path: os.PathLike | str) -> None:
    """Fills in the hash of a file that holds `MARK` and ends in `PLACE`."""
    digest = sha256(path, os.path.getsize(path) - HASH)
    with open(path, "r+b") as stream:
        stream.seek(-HASH, os.SEEK_END)
        stream.write(digest.encode())


def sealed(path: os.PathLike | str) -> bool:
    """Tells whether a file was sealed; `False` for other programs' files.

    Raises:
        ValueError: the file was sealed, and has been damaged since.
    """
    size = os.path.getsize(path)
    if size <= len(PLACE):
        return False
    with open(path, "rb") as stream, mmap.mmap(
            stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        before, said = content[-len(PLACE):-HASH], content[-HASH:]
        if before != PLACE[:-HASH] and content.find(MARK.encode(), 0, HEAD) < 0:
            return False
    found = sha256(path, size - HASH)
    if before != PLACE[:-HASH] or found.encode() != said:
        raise ValueError(explain(
            "the file must be as it was exported, ending in its own SHA-256", file=str(path),
            bytes=size, sha256=found, last_bytes=before + said, fix="copy or export it again"))
    return True
