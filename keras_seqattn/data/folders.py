"""Folders of pictures: which of their names are classes and pictures, and what is passed over."""

import pathlib
import warnings
from collections.abc import Sequence

from keras_seqattn.data.stored import StoredImages
from keras_seqattn.errors import explain

SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".png", ".apng", ".webp", ".bmp",
            ".dib", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".avif",
            ".jp2"}
# What systems and tools leave in folders and archives, beside names that begin with a dot.
_HIDDEN = {"__macosx", "__pycache__", "@eadir", "$recycle.bin", "lost+found",
           "system volume information", "thumbs.db", "desktop.ini"}
SPLITS = ("train", "validation", "test")


def hidden(name: str) -> bool:
    """Tells whether a name is that of a system or a tool, and none that a person gave.

    >>> [hidden(name) for name in (".ipynb_checkpoints", "__MACOSX", "._x.png", "cat")]
    [True, True, True, False]
    """
    return name.startswith(".") or name.lower() in _HIDDEN


def load(path: pathlib.Path, parts: Sequence[str]) -> StoredImages:
    """Finds the pictures of some splits at `path/SPLIT/CLASS/`.

    The classes are those of the train split, whatever is read. Where there is none, they are those
    of all splits together. What is no picture is passed over, with one warning for all of it.

    Args:
        path: Folder of the splits.
        parts: Names of the splits.

    Returns:
        The pictures, split by split and class by class.

    Raises:
        ValueError: a split has no folder, or a class that the train split lacks.
    """
    for part in parts:
        if not (path / part).is_dir():
            raise ValueError(explain(
                "a folder source must hold PATH/SPLIT/CLASS/picture files",
                folder=str(path / part),
                fix="create the folder of the split, or pass another source"))
    places = ["train"] if (path / "train").is_dir() else [
        part for part in SPLITS if (path / part).is_dir()]
    classes = sorted({name for place in places for name in _classes(path / place)})
    records, passed_over = [], []
    for folder in (path / part for part in parts):
        if unknown := sorted(set(_classes(folder)) - set(classes)):
            raise ValueError(explain(
                "every class of a split must be one of the train split", folder=str(folder),
                unknown=unknown[:10], classes=classes[:10],
                fix="rename the folders, or move them away"))
        passed_over += [each for each in _visible(folder) if not each.is_dir()]
        for label, name in enumerate(classes):
            for file in _visible(folder / name) if (folder / name).is_dir() else ():
                if file.is_file() and file.suffix.lower() in SUFFIXES:
                    records.append((file, label))
                else:
                    passed_over.append(file)
    if passed_over:
        kinds = sorted({each.suffix.lower() or each.name for each in passed_over})
        warnings.warn(
            f"{len(passed_over)} names in {path} are no pictures and were passed over: "
            f"{', '.join(kinds[:10])}, such as {passed_over[0]}", stacklevel=2)
    return StoredImages(records, tuple(classes))


def _classes(folder):
    return [each.name for each in _visible(folder) if each.is_dir()]


def _visible(folder):
    return sorted(each for each in folder.iterdir() if not hidden(each.name))
