"""Writing results: a folder that is known to be writable, and files that are whole or absent."""

import contextlib
import os
import pathlib
import shutil
import tempfile

from keras_seqattn.errors import explain


def output_folder(path):
    """Makes a folder for results and proves that it can be written.

    Args:
        path: Folder; its parents are made too.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: it cannot be made or written.
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
def whole(path):
    """Gives a temporary path beside `path`, renamed to it only if the block succeeds.

    Args:
        path: Final path of the file.

    Yields:
        `pathlib.Path` with the same suffix, in a folder of its own beside the final path.

    Raises:
        ValueError: the folder of `path` cannot be made or written.
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
