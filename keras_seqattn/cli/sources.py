"""Data named on the command line, as the model or file at hand takes it."""

import typing
from collections.abc import Sequence
from typing import Annotated

import typer

from keras_seqattn.cli import given
from keras_seqattn.errors import explain

if typing.TYPE_CHECKING:
    import numpy

    from keras_seqattn.data import LabelledImages, StoredImages
    from keras_seqattn.data.pairs import Pairs
    from keras_seqattn.data.tokenizer import Tokenizer

KINDS = ("sample:NAME, folder:PATH (PATH/SPLIT/CLASS/pictures), pack:FILE.npz or tfds:NAME; for "
         "translators pairs:FILE or cmudict:FILE; for captioners coco:FOLDER, flickr30k:FOLDER, "
         "flickr8k:FOLDER or pack:FILE.npz with captions.tsv beside it.")
# Kinds of data that a model of each kind reads.
CLASSES, PAIRS = ("sample", "folder", "pack", "tfds"), ("pairs", "cmudict")
CAPTIONS = ("pack", "coco", "flickr30k", "flickr8k")
# A Keras model, or a file that runs (`edge.Runner`).
Model: typing.TypeAlias = typing.Any
VERIFIED = 16  # sentences or pictures that a file that writes is verified with

Source = Annotated[str, typer.Option("--data", help=KINDS, callback=given.source)]
OptionalSource = Annotated[str | None, typer.Option(
    "--data", callback=given.source,
    help=f"Verify on the test split of this source; random inputs without. {KINDS}")]


def writes(model: Model) -> bool:
    """Whether a model, or a file that runs, writes sequences."""
    from keras_seqattn import models

    return "writer" in getattr(model, "contract", {}) or isinstance(model, models.Generator)


def reads_text(model: Model) -> bool:
    """Whether what writes sequences writes them about text, not about pictures."""
    if hasattr(model, "contract"):
        return model.contract.get("writer", {}).get("source") == "tokens"
    return writes(model) and model.input[model.source_name].dtype == "int32"


def labelled_images(source: str, split: str, shape: Sequence[int | None],
                    labels: Sequence[str] | None, skip_bad: bool = False,
                    ) -> "LabelledImages | StoredImages":
    """Loads a split in a model's size; refuses classes that are not the model's.

    Args:
        source: What `--data` names.
        split: Split of the source.
        shape: `(height, width, channels)`, in pixels. Of unknown sizes the first picture's serve.
        labels: Classes of the model in their order. `None` takes any classes.
        skip_bad: Leave out what is unreadable.

    Raises:
        ValueError: the source has other classes, or cannot be read.
    """
    check_kind(source, CLASSES)
    from keras_seqattn import data

    examples = data.load(source, split, _image_shape(shape), skip_bad)
    if labels is not None and list(examples.classes) != list(labels):
        raise ValueError(explain(
            "the source must have the classes of the model, in its order", source=source,
            source_classes=list(examples.classes), model_classes=list(labels),
            fix="pass the data that the model was trained for"))
    return examples


def test_examples(source: str | None, name: str, model: Model, skip_bad: bool,
                  shape: Sequence[int] | None,
                  ) -> "tuple[numpy.ndarray | None, numpy.ndarray | None]":
    """Inputs and targets of a source's test split, as a model is verified with them.

    Args:
        source: What `--data` names. `None` names nothing.
        name: Name of the model.
        model: The model.
        skip_bad: Leave out what is unreadable.
        shape: Shape of an image. Defaults to the model's.

    Returns:
        The inputs, `None` without a source. The targets, `None` unless the model tells classes
        apart.
    """
    if source is None:
        return None, None
    import numpy as np

    from keras_seqattn import models
    from keras_seqattn.data.batches import scale

    if reads_text(model):
        return sentence_ids(source, name, model, skip_bad), None
    if writes(model):
        captioned = captioned_images(source, "test", model, VERIFIED, skip_bad)
        return scale(captioned.read(np.arange(len(captioned)))[0]), None
    examples = labelled_images(source, "test", shape or model.input_shape[1:], models.labels(name),
                               skip_bad)
    images, labels = examples.read(np.arange(len(examples)))
    return scale(images), labels


def sentence_ids(source: str, name: str, model: Model, skip_bad: bool) -> "numpy.ndarray":
    """`VERIFIED` sentences of a source's test split as ids, `(VERIFIED, max_length)`."""
    from keras_seqattn.data import pairs

    known = tokenizer(name, model)
    examples = sentence_pairs(source, "test", VERIFIED, skip_bad)
    return pairs.pad(pairs.encode(examples.references(), known, model.max_length),
                     model.max_length)


def sentence_pairs(source: str, split: str, limit: int | None, skip_bad: bool) -> "Pairs":
    """Loads the pairs of a split, or those of `limit` sentences evenly spread over the split."""
    check_kind(source, PAIRS)
    from keras_seqattn.data import pairs

    examples = pairs.load(source, split, skip_bad)
    if limit is None:
        return examples
    known = list(examples.references())
    chosen = {known[place] for place in _spread(limit, len(known))}
    kept = [pair for pair in zip(examples.sources, examples.targets, strict=True)
            if pair[0] in chosen]
    sources, targets = zip(*kept, strict=True)
    return pairs.Pairs(sources, targets, examples.skipped)


def captioned_images(source: str, split: str, model: Model, limit: int | None,
                     skip_bad: bool) -> "StoredImages":
    """Loads captioned pictures in a captioner's size, or `limit` of them evenly spread."""
    check_kind(source, CAPTIONS)
    from keras_seqattn.data import captions

    shape = (next(iter(model.inputs.values()))["shape"] if hasattr(model, "contract")
             else model.input[model.source_name].shape)
    examples = captions.load(source, split, _image_shape(shape[1:]), skip_bad)
    return examples if limit is None else examples.take(_spread(limit, len(examples)))


def check_kind(source: str, kinds: Sequence[str]) -> None:
    """Refuses data that a model of another kind reads.

    Args:
        source: What `--data` names.
        kinds: Kinds of data that the model reads.

    Raises:
        ValueError: the source is of another kind.
    """
    kind = source.partition(":")[0]
    if kind not in kinds:
        raise ValueError(explain(
            "the data must be of a kind that the model reads", source=source,
            fix=f"pass one of {', '.join(f'{each}:' for each in kinds)}"))


def _image_shape(shape: Sequence[int | None]) -> tuple[int, int, int] | None:
    """The shape of an example as plain integers; `None`, the first picture's, of any size."""
    known = [int(size) for size in shape if size is not None]
    return typing.cast("tuple[int, int, int]", tuple(known)) if len(known) == len(shape) else None


def _spread(limit: int, count: int) -> "numpy.ndarray":
    """At most `limit` of `count` places, evenly spread."""
    import numpy as np

    return np.linspace(0, count - 1, min(limit, count)).astype(int)


def tokenizer(name: str, model: Model) -> "Tokenizer":
    """The tokeniser of a model or file that writes sequences.

    Args:
        name: Name of the model.
        model: The model or the file.

    Raises:
        ValueError: no tokeniser of the model's vocabulary lies beside the model.
    """
    from keras_seqattn import models

    if hasattr(model, "contract"):
        return model.tokenizer
    found = models.tokenizer(name)
    if found is None or found.vocab_size != model.vocab_size:
        raise ValueError(explain(
            "a tokenizer.json of the model's vocabulary must lie beside it", model=name,
            tokenizer=None if found is None else found.vocab_size, vocab_size=model.vocab_size,
            fix="pass the run folder that its training wrote"))
    return found
