"""Pictures with captions: from a pack or a folder to splits, and to batches for `model.fit`."""

import csv
import dataclasses
import json
import math
import pathlib

import numpy as np

from keras_seqattn.data.batches import Batches, scale
from keras_seqattn.data.pairs import PAD, SPLITS, hundredth, pad
from keras_seqattn.data.stored import StoredImages
from keras_seqattn.errors import explain, nearest

STYLES = "styles"  # the split of unseen pictures of known concepts
SKIN_TONES = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}
FOLDERS = ("flickr30k_images", "flickr30k-images", "Flicker8k_Dataset", "Flickr8k_Dataset",
           "Images", "images")


def load(source, split="train", image_shape=None, skip_bad=False):
    """Loads one split of a source of captioned pictures.

    Args:
        source: `pack:FILE.npz`, encoded pictures in arrays `bytes`, `offset` and `test` with a
            `captions.tsv` beside it (columns `index`, `style`, `codepoints`, `name`);
            `coco:FOLDER` (`annotations/captions_train2017.json` and so on beside the folders of
            pictures); `flickr30k:FOLDER` or `flickr8k:FOLDER` (a folder of pictures and
            `results.csv`, `captions.txt` or `*.token.txt`).
        split: `"train"`, `"validation"` or `"test"`. Where the source names none, the SHA-1 of a
            picture's name says it, 90, 5 and 5 of a hundred. A pack names its test split; of the
            rest each concept (code points without skin tone) belongs to a hundredth by its SHA-1:
            of 0 – 4 all pictures, of 5 – 9 those of one style are for `"validation"`, of 10 – 19
            those of one style are `"styles"`: unseen pictures of known concepts, for testing.
        image_shape: `(height, width, channels)` to convert to. Defaults to the first picture's
            size in RGB.
        skip_bad: Whether to leave out pictures that are missing or unreadable and captions that
            are empty, and count them.

    Returns:
        `StoredImages` whose labels are lists of captions.

    Raises:
        ValueError: the scheme or the split is unknown, a file is missing or is not what it must
            be, the split is empty; or, unless `skip_bad`, a picture is missing or a caption empty.
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
            fix="see the layouts in the documentation of keras_seqattn.data.captions")) from error
    return _checked(records, source, split, image_shape, skip_bad)


def _checked(records, source, split, image_shape, skip_bad):
    """Examples of `(picture, name, captions)`, what is bad refused or left out."""
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
    with open(path.with_name("captions.tsv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    styles = {}
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
    content = json.loads(file.read_text(encoding="utf-8"))
    pictures = folder / file.stem.removeprefix("captions_")
    captions = {image["id"]: [] for image in content["images"]}
    for each in content["annotations"]:
        captions[each["image_id"]].append(each["caption"])
    return [(pictures / image["file_name"], image["file_name"], captions[image["id"]])
            for image in content["images"]]


def _from_flickr(folder, split):
    file = _first(folder, "results.csv", "captions.txt", "*.token.txt", "*.token")
    captions = {}
    for name, caption in _flickr_lines(file):
        captions.setdefault(name, []).append(caption)
    pictures = next((folder / each for each in FOLDERS if (folder / each).is_dir()), folder)
    listed = folder / f"Flickr_8k.{'dev' if split == 'validation' else split}Images.txt"
    if listed.is_file():
        wanted = set(listed.read_text(encoding="utf-8").split())
    else:
        first, last = SPLITS[split]
        wanted = {name for name in captions if first <= hundredth(name) < last}
    return [(pictures / name, name, texts) for name, texts in captions.items() if name in wanted]


def _flickr_lines(file):
    """Pairs of a picture's name and a caption, in each of the three layouts."""
    lines = file.read_text(encoding="utf-8").splitlines()
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


class CaptionBatches(Batches):
    """Batches of captioned pictures, as a pure function of seed and step.

    Each caption is an example. Each batch is a triple: `{"images": float32 (b, height, width,
    channels) in [-1, 1], "tokens": int32 (b, T)}`, the tokens to predict, int32 `(b, T)`, and their
    weights, float32 `(b, T)`: 0 for padding, and so much for the others that the mean over all
    positions is the mean over the real ones. `b` is `batch_size / shares`, `T` a multiple of
    `ROUND`.

    Args:
        examples: What `load` returns.
        captions: For each example a list of its captions as ids, as of `pairs.encode`, with the
            start token.
        batch_size: Captions per step `B`, over all devices and hosts.
        augment: Names of augmentations that change each picture by itself; keys of
            `augment.AUGMENTATIONS`.
        seed: Seed of order and augmentation. Batches then go on without end, epoch after epoch.
            `None` keeps the given order, once through, without augmentation.
        first_step: Step of the first batch, counted from the start of the training.
        share: `(index, count)`: which of `count` equal shares of each batch is made here.

    Raises:
        ValueError: there is no caption, or `count` does not divide `batch_size`.
    """

    ROUND = 4

    def __init__(self, examples, captions, batch_size, augment=(), seed=None, first_step=0,
                 share=(0, 1)):
        pairs = [(index, ids) for index, each in enumerate(captions) for ids in each]
        super().__init__(pairs, batch_size, augment, seed, first_step, share)
        self._pictures = examples
        self._words = sum(len(ids) - 1 for _, ids in pairs)

    @property
    def signature(self):
        """Shapes and types of a batch, `None` for what differs between batches."""
        tokens, weights = ((self._size, None), "int32"), ((self._size, None), "float32")
        images = (self._size, *self._pictures.image_shape), "float32"
        return {"images": images, "tokens": tokens}, tokens, weights

    def __getitem__(self, index):
        epoch, step = divmod(self._first_step + index, self.steps_per_epoch)
        order = self._epoch_order(epoch)[step * self._batch_size:(step + 1) * self._batch_size]
        chosen = [self._examples[i] for i in order]
        longest = max(len(ids) for _, ids in chosen) - 1
        length = math.ceil(longest / self.ROUND) * self.ROUND
        # Over all batches of a validation together, the mean is that over all tokens.
        weight = self._batch_size * length / (
            sum(len(ids) - 1 for _, ids in chosen) if self._seed is not None
            else self._words / self.steps_per_epoch)
        start = self._share * self._size
        own = chosen[start:start + self._size]
        images = np.zeros((self._size, *self._pictures.image_shape), "float32")
        if own:
            images[:len(own)] = scale(self._pictures.read(np.array([i for i, _ in own]))[0])
        for place in range(0 if self._seed is None else len(own)):
            rng = np.random.default_rng((self._seed, 1 + epoch, step, start + place))
            for augment in self._augment:
                images[place:place + 1], _ = augment(
                    images[place:place + 1], np.zeros((1, 0), "float32"), rng)
        empty = [np.zeros(0, "int32")] * (self._size - len(own))
        tokens = pad([*(ids[:-1] for _, ids in own), *empty], length)
        labels = pad([*(ids[1:] for _, ids in own), *empty], length)
        return ({"images": images, "tokens": tokens}, labels,
                (labels != PAD) * np.float32(weight))
