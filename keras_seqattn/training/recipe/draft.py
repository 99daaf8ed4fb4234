"""A first recipe for a user's own data, with a comment at every field."""

import math
import pathlib
import string
import typing

import yaml

from keras_seqattn import data
from keras_seqattn.data import captions, pairs

FOLDER = pathlib.Path(__file__).parent / "drafts"
STEPS = 2000   # that a first training may take
PAIRS = ("pairs", "cmudict")
CAPTIONS = ("coco", "flickr30k", "flickr8k")
LARGE, SMALL = 128, 64   # sides of an image, in pixels


def draft(source: str, file: str) -> str:
    """Writes a recipe for a source: its kind by the source, its numbers by the examples.

    Args:
        source: Source of labelled pictures, of captioned ones or of pairs of sentences.
        file: Name of the recipe's file, which the comments repeat.

    Returns:
        YAML. `read` takes it as it is.

    Raises:
        ValueError: the source is not known or cannot be read.
    """
    kind, numbers = _seen(source)
    count = numbers["count"]
    batch_size = 2 ** min(int(math.log2(max(count // 8, 1))), 6)
    epochs = min(max(round(STEPS * batch_size / count), 5), 100)
    text = string.Template((FOLDER / f"{kind}.yaml").read_text(encoding="utf-8"))
    return text.substitute(numbers, source=_quoted(source), file=file, name=pathlib.Path(file).stem,
                           batch_size=batch_size, epochs=epochs)


def _quoted(text: str) -> str:
    """A text as YAML writes it, in quotes where they are needed."""
    return yaml.safe_dump(text, width=math.inf).removesuffix("\n...\n").rstrip("\n")


def _seen(source: str) -> tuple[str, dict[str, typing.Any]]:
    """The kind of a source, and what its training examples say."""
    scheme, _, name = source.partition(":")
    if scheme in PAIRS:
        words = scheme == "cmudict"
        return "pairs", {"count": len(pairs.load(source, skip_bad=True)),
                         "words": str(words).lower(), "vocab_size": 200 if words else 4000,
                         "max_length": 36 if words else 40}
    if scheme in CAPTIONS or (scheme == "pack" and pathlib.Path(name).with_name(
            "captions.tsv").is_file()):
        found = captions.load(source, skip_bad=True)
        return "captions", {"count": len(found), "image_shape": [SMALL, SMALL, 3]}
    return "pictures", _of_pictures(source)


def _of_pictures(source: str) -> dict[str, typing.Any]:
    examples = data.load(source)
    height, width, _ = (examples.images.shape[1:] if isinstance(examples, data.LabelledImages)
                        else examples.image_shape or examples.first_shape())
    side = LARGE if min(height, width) >= LARGE else SMALL
    return {"count": len(examples), "classes": len(examples.classes),
            "image_shape": [side, side, 3], "patch_size": side // 8,
            "validation": _validation(source, len(examples))}


def _validation(source: str, count: int) -> str | float:
    """The source's own split if it has one, else a share of the training examples."""
    try:
        data.load(source, "validation")
    except ValueError:
        return 0.2 if count < 1000 else 0.1
    return "split"
