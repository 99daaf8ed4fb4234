"""Sources of labelled images: a sample, a folder, a pack or a set of tensorflow-datasets."""

import dataclasses
import pathlib
import sysconfig
from collections.abc import Sequence

import numpy as np

from keras_seqattn.data import folders
from keras_seqattn.data.catalogue import CATALOGUE, Entry
from keras_seqattn.data.folders import SPLITS
from keras_seqattn.data.stored import LabelledImages, StoredImages
from keras_seqattn.errors import explain, nearest
from keras_seqattn.files import existing

IN_MEMORY = 2 * 2**30  # bytes of decoded images, beyond which they are decoded when they are read


def load(source: str, split: str = "train", image_shape: Sequence[int] | None = None,
         skip_bad: bool = False) -> LabelledImages | StoredImages:
    """Loads one split of a source of labelled images.

    Sources are:

    - `sample:NAME`: a set that comes with this project.
    - `folder:PATH`: pictures at `PATH/SPLIT/CLASS/`. The classes of every split are those of the
      train split. What is no picture is passed over with a warning.
    - `pack:FILE.npz`: encoded pictures in arrays `bytes` and `offset`, with their `label`, `test`
      and `classes`.
    - `tfds:NAME`: a key of `catalogue.CATALOGUE`, or any set of tensorflow-datasets with an image
      and a label. It must be prepared on this machine.

    Args:
        source: One of the above.
        split: `"train"`, `"validation"` or `"test"`, or several joined by `+`. So
            `"train+validation"` serves a last training on all but the test split.
        image_shape: `(height, width, channels)` to convert to. Defaults to the first picture's
            size in RGB.
        skip_bad: Whether to leave out pictures that cannot be decoded. Each is then decoded once
            more, here, so that none stops a training.

    Returns:
        `LabelledImages`, or `StoredImages` for `tfds:` and for what is larger than `IN_MEMORY`.

    Raises:
        ValueError: the scheme, the name or the split is not known.
        ValueError: the split holds no picture, or a class that the train split lacks.
        ValueError: a set of tensorflow-datasets is not prepared on this machine.
        ValueError: the images are held in memory and one is unreadable.
        ImportError: tensorflow-datasets is needed and missing.
    """
    scheme, _, name = str(source).partition(":")
    if scheme not in _SCHEMES or not name:
        raise ValueError(explain(
            "`source` must be SCHEME:NAME with a known scheme", source=str(source),
            fix=nearest(scheme, _SCHEMES)))
    parts = split.split("+")
    unknown = [part for part in parts if part not in SPLITS]
    if unknown:
        raise ValueError(explain(
            "`split` is not known", split=split, fix=nearest(unknown[0], SPLITS)))
    if image_shape is not None and len(image_shape) != 3:
        raise ValueError(explain(
            "`image_shape` must be that of an image: (height, width, channels)",
            image_shape=tuple(image_shape), fix="use a model that takes images"))
    examples = _SCHEMES[scheme](name, parts)
    if skip_bad:
        examples = examples.without_unreadable()
    if not len(examples):
        raise ValueError(explain(
            "`source` must hold pictures of the split", source=str(source), split=split,
            skipped=examples.skipped, fix="pass another split or source"))
    height, width, channels = image_shape or examples.first_shape()
    examples = dataclasses.replace(examples, image_shape=(height, width, channels))
    if scheme == "tfds" or len(examples) * height * width * channels > IN_MEMORY:
        return examples
    return examples.in_memory()


def prepare(source: str) -> None:
    """Downloads a `tfds:` set and stores it for reading by index. Nothing else here downloads sets.

    For what must be fetched by hand, tensorflow-datasets asks. The set lands in its folder, which
    is `~/tensorflow_datasets` or the environment's `TFDS_DATA_DIR`.

    Args:
        source: `tfds:NAME`, as `load` takes it. Its terms are in `catalogue.CATALOGUE`.

    Raises:
        ValueError: the source is not a known set of tensorflow-datasets.
        ImportError: tensorflow-datasets is missing.
        AssertionError: files that must be fetched by hand are not there.
    """
    scheme, _, name = str(source).partition(":")
    if scheme != "tfds" or not name:
        raise ValueError(explain(
            "only a `tfds:` source can be prepared", source=str(source),
            fix="pass tfds:NAME; other sources need no preparation"))
    _, builder = _open(name)
    builder.download_and_prepare(file_format="array_record")


def sample_folder() -> pathlib.Path:
    """Returns the folder of the sample sets.

    In a checkout it is `examples/data`, otherwise where pip installed it.
    """
    checkout = pathlib.Path(__file__).parents[2] / "examples" / "data"
    if checkout.is_dir():
        return checkout
    return pathlib.Path(sysconfig.get_path("data")) / "share" / "keras_seqattn" / "data"


def sample(name: str) -> pathlib.Path:
    """Returns the pack of a sample set.

    Args:
        name: What stands behind `sample:`.

    Raises:
        ValueError: there is no such set.
    """
    known = {path.name.removesuffix("_sample.npz"): path
             for path in sample_folder().glob("*_sample.npz")}
    if name not in known:
        raise ValueError(explain(
            "the sample set is not known", name=name, fix=nearest(name, known)))
    return known[name]


def _from_sample(name, parts):
    return _from_pack(sample(name), parts)


def _from_pack(path, parts):
    path = existing(path, path=str(path))
    if "validation" in parts:
        raise ValueError(explain(
            "a pack holds a train and a test split only", split="validation", path=str(path),
            fix="load the train split and keep a share of it for validation"))
    try:
        with np.load(path, allow_pickle=False) as pack:
            arrays = {key: pack[key] for key in ("bytes", "offset", "label", "test", "classes")}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise ValueError(explain(
            "a pack must be an .npz of labelled pictures", path=str(path), error=str(error),
            fix="pass a file with arrays bytes, offset, label, test and classes")) from error
    blob, offset = arrays["bytes"].tobytes(), arrays["offset"]
    chosen = np.flatnonzero(np.isin(arrays["test"], [part == "test" for part in parts]))
    records = [(blob[offset[i]:offset[i + 1]], arrays["label"][i]) for i in chosen]
    return StoredImages(records, tuple(arrays["classes"].tolist()))


def _from_folder(path, parts):
    return folders.load(existing(path, folder=str(path)), parts)


def _from_tfds(name, parts):
    entry = _entry(name)
    missing = [part for part in parts if part not in entry.splits]
    if missing:
        raise ValueError(explain(
            "the set has no such split", name=name, split=missing[0],
            fix=nearest(missing[0], entry.splits)))
    tfds, builder = _open(name)
    features = builder.info.features
    if not {"image", entry.key} <= set(features):
        raise ValueError(explain(
            f"the set must hold an `image` and a `{entry.key}`", name=name,
            features=sorted(features), fix=nearest(name, CATALOGUE)))
    try:
        examples = builder.as_data_source(
            "+".join(entry.splits[part] for part in parts),
            decoders={"image": tfds.decode.SkipDecoding()})
    except NotImplementedError as error:  # what TFDS raises for all but prepared array records
        raise ValueError(explain(
            "the set must be prepared on this machine, for reading by index", name=name,
            folder=str(builder.data_dir), fix=f"see its terms ({entry.terms}) at {entry.page}, "
            "move the folder away if it exists, and run: python -c \"from keras_seqattn import "
            f"data; data.prepare('tfds:{name}')\"")) from error
    classes = features[entry.key].names if entry.classes is None else entry.classes
    return StoredImages(_Records(examples, entry), tuple(classes), white=entry.white,
                        grey=features["image"].shape[-1] == 1)


def _entry(name):
    return CATALOGUE.get(name) or Entry(name, {part: part for part in SPLITS})


def _open(name):
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(explain(
            "`tfds:` sources need tensorflow-datasets", error=str(error),
            fix="pip install 'keras_seqattn[train]'")) from error
    from keras_seqattn.data import flickr30k  # noqa: F401, makes the set known to TFDS

    try:
        return tfds, tfds.builder(_entry(name).builder)
    except (ValueError, AssertionError) as error:
        raise ValueError(explain(
            "`tfds:NAME` must be a set that is known", name=name, error=str(error).split("\n")[0],
            fix=f"{nearest(name, CATALOGUE)}, or another set of tensorflow-datasets")) from error


class _Records:
    def __init__(self, examples, entry):
        self._examples = examples
        self._entry = entry

    def __len__(self):
        return len(self._examples)

    def __getitem__(self, index):
        example = self._examples[int(index)]
        return example["image"], self._entry.label(example[self._entry.key])


_SCHEMES = {"sample": _from_sample, "folder": _from_folder, "pack": _from_pack,
            "tfds": _from_tfds}
