"""Where labelled images come from: `sample:NAME`, `folder:PATH` or `pack:FILE.npz`."""

import pathlib
import sysconfig
import typing

import numpy as np

from keras_seqattn.data.images import decode
from keras_seqattn.errors import explain, nearest

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
SPLITS = ("train", "test")


class LabelledImages(typing.NamedTuple):
    """Images with their classes, held in memory.

    Attributes:
        images: NumPy uint8, `(n, height, width, channels)`.
        labels: NumPy int32, `(n,)`: index into `classes`.
        classes: Names of the classes.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple

    def take(self, indices):
        """Returns the examples at `indices`, in that order."""
        return self._replace(images=self.images[indices], labels=self.labels[indices])


def load(source, split="train", image_shape=None):
    """Loads one split of a source of labelled images.

    Args:
        source: `sample:NAME` (a set that comes with this project), `folder:PATH` (pictures at
            `PATH/SPLIT/CLASS/`), or `pack:FILE.npz` (encoded pictures in arrays `bytes`, `offset`,
            `label`, `test`, `classes`).
        split: `"train"` or `"test"`.
        image_shape: `(height, width, channels)` to convert to. Defaults to the first picture's
            size in RGB.

    Returns:
        `LabelledImages`.

    Raises:
        ValueError: the source, its scheme or the split is unknown, or holds no picture.
    """
    scheme, _, name = str(source).partition(":")
    if scheme not in _SCHEMES or not name:
        raise ValueError(explain(
            "`source` must be SCHEME:NAME with a known scheme", source=str(source),
            fix=nearest(scheme, _SCHEMES)))
    if split not in SPLITS:
        raise ValueError(explain("`split` is not known", split=split, fix=nearest(split, SPLITS)))
    if image_shape is not None and len(image_shape) != 3:
        raise ValueError(explain(
            "`image_shape` must be that of an image: (height, width, channels)",
            image_shape=tuple(image_shape), fix="use a model that takes images"))
    encoded, labels, classes = _SCHEMES[scheme](name, split)
    if not encoded:
        raise ValueError(explain(
            "`source` must hold pictures of the split", source=str(source), split=split,
            fix="pass another split or source"))
    height, width, channels = image_shape or (None, None, 3)
    if height is None:
        height, width, _ = decode(encoded[0]).shape
    images = np.stack([decode(image, (height, width), channels) for image in encoded])
    return LabelledImages(images, np.asarray(labels, "int32"), tuple(classes))


def sample_folder():
    """Folder of the sample sets: in a checkout `examples/data`, else where pip installed them."""
    checkout = pathlib.Path(__file__).parents[2] / "examples" / "data"
    if checkout.is_dir():
        return checkout
    return pathlib.Path(sysconfig.get_path("data")) / "share" / "keras_seqattn" / "data"


def _from_sample(name, split):
    known = {path.name.removesuffix("_sample.npz"): path
             for path in sample_folder().glob("*_sample.npz")}
    if name not in known:
        raise ValueError(explain(
            "the sample set is not known", name=name, fix=nearest(name, known)))
    return _from_pack(known[name], split)


def _from_pack(path, split):
    path = pathlib.Path(path)
    try:
        with np.load(path, allow_pickle=False) as pack:
            arrays = {key: pack[key] for key in ("bytes", "offset", "label", "test", "classes")}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise ValueError(explain(
            "a pack must be an .npz of labelled pictures", path=str(path), error=str(error),
            fix="pass a file with arrays bytes, offset, label, test and classes")) from error
    blob, offset = arrays["bytes"].tobytes(), arrays["offset"]
    chosen = np.flatnonzero(arrays["test"] == (split == "test"))
    encoded = [blob[offset[i]:offset[i + 1]] for i in chosen]
    return encoded, arrays["label"][chosen], arrays["classes"].tolist()


def _from_folder(path, split):
    folder = pathlib.Path(path) / split
    if not folder.is_dir():
        raise ValueError(explain(
            "a folder source must hold PATH/SPLIT/CLASS/picture files", folder=str(folder),
            fix="create the folder of the split, or pass another source"))
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    files = [(file, label) for label, name in enumerate(classes)
             for file in sorted((folder / name).iterdir()) if file.suffix.lower() in SUFFIXES]
    return [file for file, _ in files], [label for _, label in files], classes


_SCHEMES = {"sample": _from_sample, "folder": _from_folder, "pack": _from_pack}
