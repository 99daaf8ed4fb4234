"""Writing results: a folder that can be written, and files that are whole or absent."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from keras_seqattn.errors import explain


def output_folder(path: os.PathLike[str] | str) -> pathlib.Path:
    """Makes a folder for results and proves that it can be written.

    Args:
        path: Folder. Its parents are made too.

    Returns:
        The folder.

    Raises:
        ValueError: The folder cannot be made or written.
    """
    path = pathlib.Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(explain(
            "the output folder must be writable", folder=str(path), error=error.strerror,
            fix="pass another folder")) from error
    return path


@contextlib.contextmanager
def whole(path: os.PathLike[str] | str) -> Iterator[pathlib.Path]:
    """Gives a temporary path beside `path`. Only if the block succeeds, it is renamed to `path`.

    Args:
        path: Final path of the file.

    Yields:
        A path with the same suffix, in a folder of its own beside the final path.

    Raises:
        ValueError: The folder of `path` cannot be made or written, or `path` is a folder.
    """
    path = pathlib.Path(path)
    folder = output_folder(path.parent)
    if path.is_dir():
        raise ValueError(explain(
            "the output file must not be a folder", file=str(path), fix="pass a file name"))
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=folder))
    try:
        yield scratch / path.name
        os.replace(scratch / path.name, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
