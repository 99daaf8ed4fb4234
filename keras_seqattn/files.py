"""Writing results: a folder that can be written, and files that are whole or absent."""

import contextlib
import difflib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from keras_seqattn.errors import explain


def is_path(text: str) -> bool:
    """Whether a text that names something is a path, and no name.

    >>> is_path("runs/demo"), is_path("demo.keras"), is_path("vit_eurosat")
    (True, True, False)
    """
    return text.startswith("~") or bool(pathlib.PurePath(text).suffix) or any(
        mark and mark in text for mark in (os.sep, os.altsep))


def remedy(path: os.PathLike[str] | str) -> str:
    """Phrases the remedy for a path that does not exist, by the first part that is missing.

    Args:
        path: Path of a file or a folder.

    Returns:
        The nearest path that exists, or the folder in which something is missing.
    """
    path = pathlib.Path(path)
    if str(path).startswith("~"):
        return f"write {str(path.expanduser())!r}; quotes keep the shell from doing so"
    missing = next((each for each in reversed([path, *path.parents]) if not each.exists()), path)
    folder = missing.parent
    if not folder.is_dir():
        return f"{str(folder)!r} is a file and no folder"
    neighbours = [each.name for each in folder.iterdir() if each.suffix == missing.suffix]
    close = difflib.get_close_matches(missing.name, neighbours, n=1)
    if close:
        return f"did you mean {str(folder / close[0])!r}? It is there"
    return f"check the path; there is no {missing.name!r} in {str(folder.resolve())!r}"


def existing(path: os.PathLike[str] | str, /, **received: str) -> pathlib.Path:
    """Checks that a file or a folder is there.

    Args:
        path: Its path.
        **received: The argument that named the path, under its own name. Defaults to the path.

    Returns:
        The path.

    Raises:
        ValueError: nothing has that path.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise ValueError(explain("the path must exist", **(received or {"path": str(path)}),
                                 fix=remedy(path)))
    return path


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
