"""Pictures with captions: from a pack or a folder to splits, and to batches for `model.fit`."""

import csv
import dataclasses
import json
import math
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_seqattn.data import text
from keras_seqattn.data.augment import AUGMENTATIONS
from keras_seqattn.data.batches import Epochs, scale
from keras_seqattn.data.pairs import PAD, SPLITS, hundredth, pad
from keras_seqattn.data.stored import StoredImages
from keras_seqattn.errors import explain, nearest

STYLES = "styles"  # the split of unseen pictures of known concepts
SKIN_TONES = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}
FOLDERS = ("flickr30k_images", "flickr30k-images", "Flicker8k_Dataset", "Flickr8k_Dataset",
           "Images", "images")


def load(source: str, split: str = "train", image_shape: Sequence[int] | None = None,
         skip_bad: bool = False) -> StoredImages:
    """Loads one split of a source of captioned pictures.

    Sources are:

    - `pack:FILE.npz`: encoded pictures in arrays `bytes`, `offset` and `test`. Beside it lies
      `captions.tsv` with the columns `index`, `style`, `codepoints` and `name`.
    - `coco:FOLDER`: folders of pictures, and `annotations/captions_train2017.json` and so on.
    - `flickr30k:FOLDER` or `flickr8k:FOLDER`: a folder of pictures and one file of captions. It is
      `results.csv`, `captions.txt` or `*.token.txt`.

    Where a source names no splits, the SHA-1 of a picture's name says one, as in `pairs.load`. A
    pack names its test split. Its other pictures are split by their concept, which is the code
    points without the skin tone. The SHA-1 of the concept says its hundredth:

    - 0 to 4: all its pictures are for `"validation"`.
    - 5 to 9: those of one style are for `"validation"`.
    - 10 to 19: those of one style are for `"styles"`, which tests known concepts in new pictures.
    - All other pictures are for `"train"`.

    Args:
        source: One of the above.
        split: `"train"`, `"validation"` or `"test"`. Of a pack also `"styles"`.
        image_shape: `(height, width, channels)` to convert to. Defaults to the first picture's
            size in RGB.
        skip_bad: Whether to leave out, and count, empty captions and pictures that are unreadable.

    Returns:
        `StoredImages` whose labels are lists of captions.

    Raises:
        ValueError: the scheme or the split is not known, or the split is empty.
        ValueError: a file is missing or not what it must be.
        ValueError: a picture is missing or a caption empty, unless `skip_bad`.
    """
    scheme, _, name = str(source).partition(":")
    if scheme not in _SCHEMES or not name:
        raise ValueError(explain("`source` must be SCHEME:NAME with a known scheme",
                                 source=str(source), fix=nearest(scheme, _SCHEMES)))
    known = (*SPLITS, STYLES) if scheme == "pack" else tuple(SPLITS)
    if split not in known:
        raise ValueError(explain("`split` is not known", split=split, fix=nearest(split, known)))
    try:
        records = _SCHEMES[scheme](pathlib.Path(name), split)
    except (OSError, KeyError, IndexError, EOFError, ValueError) as error:
        raise ValueError(explain(
            "the captions must be readable", source=str(source), error=str(error),
            fix="see the layouts in help(keras_seqattn.data.captions.load)")) from error
    return _checked(records, source, split, image_shape, skip_bad)


def _checked(records, source, split, image_shape, skip_bad):
    """Makes examples of `(picture, name, captions)`. What is bad is refused or left out."""
    bad, good = [], []
    for picture, name, captions in records:
        full = [caption.strip() for caption in captions if caption.strip()]
        missing = isinstance(picture, pathlib.Path) and not picture.is_file()
        bad += [f"{name}: no picture"] if missing else (
            [f"{name}: empty caption"] * max(len(captions) - len(full), not captions))
        if full and not missing:
            good.append((picture, full))
    if bad and not skip_bad:
        raise ValueError(explain("every caption must have words and a picture", source=str(source),
                                 bad=bad[:20], count=len(bad),
                                 fix="mend them, or pass skip_bad (--skip-bad)"))
    examples = StoredImages(good, (), image_shape, skipped=len(bad))
    examples = examples.without_unreadable() if skip_bad else examples
    if not len(examples):
        raise ValueError(explain("the split must hold a picture", source=str(source), split=split,
                                 skipped=examples.skipped, fix="pass another source or split"))
    return dataclasses.replace(
        examples, image_shape=tuple(image_shape or examples.first_shape()))


def _from_pack(path, split):
    with np.load(path, allow_pickle=False) as pack:
        blob, offset, test = pack["bytes"].tobytes(), pack["offset"], pack["test"]
    with open(path.with_name("captions.tsv"), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    styles: dict[str, set[str]] = {}
    for row in rows:
        styles.setdefault(_concept(row), set()).add(row["style"])
    return [(blob[offset[index]:offset[index + 1]], f"picture {index}", [row["name"]])
            for row in rows for index in [int(row["index"])]
            if split == ("test" if test[index] else _place(row, styles))]


def _concept(row):
    parts = row["codepoints"].split("-")
    return "-".join(part for part in parts if part not in SKIN_TONES) or row["codepoints"]


def _place(row, styles):
    """The split of a picture that is not of the test split."""
    concept = _concept(row)
    place, styles = hundredth(concept), styles[concept]
    if place < 5:
        return "validation"
    chosen = min(styles, key=lambda style: (hundredth(f"{concept} {style}"), style))
    if place >= 20 or len(styles) < 2 or row["style"] != chosen:
        return "train"
    return "validation" if place < 10 else STYLES


def _from_coco(folder, split):
    part = "val" if split == "validation" else split
    file = _first(folder, f"annotations/captions_{part}*.json", f"captions_{part}*.json")
    content = json.loads(text.read(file))
    pictures = folder / file.stem.removeprefix("captions_")
    captions: dict[int, list[str]] = {image["id"]: [] for image in content["images"]}
    for each in content["annotations"]:
        captions[each["image_id"]].append(each["caption"])
    return [(pictures / image["file_name"], image["file_name"], captions[image["id"]])
            for image in content["images"]]


def _from_flickr(folder, split):
    file = _first(folder, "results.csv", "captions.txt", "*.token.txt", "*.token")
    captions: dict[str, list[str]] = {}
    for name, caption in _flickr_lines(file):
        captions.setdefault(name, []).append(caption)
    pictures = next((folder / each for each in FOLDERS if (folder / each).is_dir()), folder)
    listed = folder / f"Flickr_8k.{'dev' if split == 'validation' else split}Images.txt"
    if listed.is_file():
        wanted = {line.strip() for line in text.lines(text.read(listed))}
    else:
        first, last = SPLITS[split]
        wanted = {name for name in captions if first <= hundredth(name) < last}
    return [(pictures / name, name, texts) for name, texts in captions.items() if name in wanted]


def _flickr_lines(file):
    """Reads pairs of a picture's name and a caption, in each of the three layouts."""
    lines = text.lines(text.read(file))
    if file.name == "results.csv":                     # image_name| comment_number| comment
        return [(parts[0].strip(), parts[2] if len(parts) > 2 else "")
                for parts in (line.split("|") for line in lines[1:])]
    if file.name == "captions.txt":                    # image,caption
        return [(parts[0], ",".join(parts[1:])) for parts in csv.reader(lines[1:]) if parts]
    return [(name.partition("#")[0], caption) for name, _, caption in  # name.jpg#0 <tab> caption
            (line.partition("\t") for line in lines if line.strip())]


def _first(folder, *patterns):
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if found:
            return found[0]
    raise FileNotFoundError(f"none of {', '.join(patterns)} in {folder}")


_SCHEMES = {"pack": _from_pack, "coco": _from_coco, "flickr30k": _from_flickr,
            "flickr8k": _from_flickr}


class CaptionBatches(Epochs):
    """Batches of captioned pictures, as a pure function of seed and step.

    Each caption is an example. Each batch is a triple, with `b = batch_size / shares`:

    - inputs, `{"images": float32 (b, height, width, channels), "tokens": int32 (b, T)}`;
    - the tokens to predict, int32 `(b, T)`;
    - their weights, float32 `(b, T)`.

    Pixels lie in `[-1, 1]`. The weights are 0 for padding. The others are such that the mean over
    all positions is the mean over the real ones. `T` is a multiple of `ROUND`.

    Args:
        examples: What `load` returns.
        captions: For each example a list of its captions as ids, as of `pairs.encode`, with the
            start token.
        batch_size: As for `Epochs`.
        augment: Names of augmentations that change each picture by itself. Keys of
            `augment.AUGMENTATIONS`.
        seed: As for `Epochs`, and seed of the augmentations. `None` does without augmentation.
        first_step: As for `Epochs`.
        share: As for `Epochs`.

    Raises:
        ValueError: as for `Epochs`.
    """

    ROUND = 4

    def __init__(self, examples: StoredImages, captions: Sequence[Sequence[np.ndarray]],
                 batch_size: int, augment: Sequence[str] = (), seed: int | None = None,
                 first_step: int = 0, share: tuple[int, int] = (0, 1)):
        self._captions = [(index, ids) for index, each in enumerate(captions) for ids in each]
        super().__init__(len(self._captions), batch_size, seed, first_step, share)
        self._pictures = examples
        self._image_shape = examples.image_shape or examples.first_shape()
        self._augment = [AUGMENTATIONS[name] for name in augment]
        self._words = sum(len(ids) - 1 for _, ids in self._captions)

    @property
    def signature(self) -> tuple:
        """Shapes and types of a batch, with `None` for what differs between batches."""
        tokens, weights = ((self._size, None), "int32"), ((self._size, None), "float32")
        images = (self._size, *self._image_shape), "float32"
        return {"images": images, "tokens": tokens}, tokens, weights

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        epoch, step, order = self._chosen(index)
        chosen = [self._captions[i] for i in order]
        longest = max(len(ids) for _, ids in chosen) - 1
        length = math.ceil(longest / self.ROUND) * self.ROUND
        # Over all batches of a validation together, the mean is that over all tokens.
        weight = self._batch_size * length / (
            sum(len(ids) - 1 for _, ids in chosen) if self._seed is not None
            else self._words / self.steps_per_epoch)
        start = self._share * self._size
        own = chosen[start:start + self._size]
        images = np.zeros((self._size, *self._image_shape), "float32")
        if own:
            images[:len(own)] = scale(self._pictures.read(np.array([i for i, _ in own]))[0])
        if self._seed is not None:
            for place, image in enumerate(images[:len(own)]):
                rng = np.random.default_rng((self._seed, 1 + epoch, step, start + place))
                for augment in self._augment:
                    image[:] = augment(image[None], np.zeros((1, 0), "float32"), rng)[0][0]
        empty = [np.zeros(0, "int32")] * (self._size - len(own))
        tokens = pad([*(ids[:-1] for _, ids in own), *empty], length)
        labels = pad([*(ids[1:] for _, ids in own), *empty], length)
        return ({"images": images, "tokens": tokens}, labels,
                (labels != PAD) * np.float32(weight))
