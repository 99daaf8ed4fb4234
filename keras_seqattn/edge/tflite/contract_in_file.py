"""The contract inside a `.tflite` file: written, sealed and read.

TFLite's own metadata, which MediaPipe reads, lies in the flatbuffer. The contract itself is
`contract.json` in a ZIP archive at the file's end, beside `labels.txt`. Runtimes ignore the archive
and `unzip -p FILE contract.json` shows what is in it. The archive's comment is the file's checksum.
"""

import json
import os
import pathlib
import typing
import zipfile

from keras_seqattn.edge.contract import checksum
from keras_seqattn.edge.contract.contract import as_json
from keras_seqattn.errors import explain
from keras_seqattn.files import whole

CONTRACT, TOKENIZER = "contract.json", "tokenizer.json"


def write(path: str | os.PathLike, contract: dict[str, typing.Any],
          tokenizer: str | None = None) -> None:
    """Writes a contract into a `.tflite` file, with TFLite's metadata, labels and a checksum.

    The same file and contract give the same bytes. The file is not unpacked but copied once. So
    memory stays at a few MiB whatever its size.

    Args:
        path: File; it must not have a contract yet.
        contract: What `contract.describe` returns.
        tokenizer: Text of a tokenizer, of a file that writes sequences.

    Raises:
        ValueError: the file has a contract, or its folder cannot be written.
    """
    from keras_seqattn.edge.tflite import metadata_tables, outer_tables, reader

    path = pathlib.Path(path)
    if read(path):
        raise ValueError(explain("`path` must not have a contract yet", path=str(path),
                                 fix="write into a copy of the converter's file"))
    file = reader.read(path)
    runtime = contract["minimum_runtime"] or ""
    with whole(path) as temporary:
        entries = {"min_runtime_version": runtime.encode().ljust(16, b"\0"), checksum.MARK: b"\0"}
        if tokenizer is None:   # TFLite's tables describe files of one signature
            entries[metadata_tables.NAME] = metadata_tables.metadata(file, contract)
        outer_tables.write(file, temporary, entries)
        append(temporary, contract, tokenizer)


def append(path: str | os.PathLike, contract: dict[str, typing.Any],
           tokenizer: str | None = None) -> None:
    """Puts the archive with a contract behind a flatbuffer that stays as it is, and seals the file.

    Args:
        path: File, which has no archive.
        contract: As for `write`.
        tokenizer: As for `write`.
    """
    from keras_seqattn.edge.tflite import metadata_tables

    members = {CONTRACT: as_json(contract)}
    if tokenizer is not None:
        members[TOKENIZER] = tokenizer
    for name, lines in metadata_tables.label_files(contract).values():
        members[name] = "\n".join(lines) + "\n"
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = checksum.PLACE
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    checksum.seal(path)


def read(path: str | os.PathLike) -> dict[str, typing.Any]:
    """Reads the contract of a `.tflite` file, after the file's checksum.

    Args:
        path: File.

    Returns:
        Dictionary; empty if the file is another program's.

    Raises:
        ValueError: the file is damaged.
    """
    if not checksum.sealed(path):
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(CONTRACT))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(explain("the file must have its contract", file=str(path),
                                 error=str(error), fix="export it again")) from error


def tokenizer(path: str | os.PathLike) -> str | None:
    """Reads the text of the tokenizer of a file that `read` has read; `None` if it has none."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(TOKENIZER).decode() if TOKENIZER in archive.namelist() else None
