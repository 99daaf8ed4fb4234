"""Data named on the command line, as the model or file at hand takes it."""

from typing import Annotated

import typer

from keras_seqattn.errors import explain

KINDS = ("sample:NAME, folder:PATH (PATH/SPLIT/CLASS/pictures), pack:FILE.npz or tfds:NAME; for "
         "translators pairs:FILE or cmudict:FILE; for captioners coco:FOLDER, flickr30k:FOLDER, "
         "flickr8k:FOLDER or pack:FILE.npz with captions.tsv beside it.")
VERIFIED = 16  # sentences or pictures that a file that writes is verified with

Source = Annotated[str, typer.Option("--data", help=KINDS)]
OptionalSource = Annotated[str | None, typer.Option(
    "--data", help=f"Verify on the test split of this source; random inputs without. {KINDS}")]


def writes(model):
    """Whether a model, or a file that runs, writes sequences."""
    from keras_seqattn import models

    return "writer" in getattr(model, "contract", {}) or isinstance(model, models.Generator)


def reads_text(model):
    """Whether it is one that writes about text; others that write do so about pictures."""
    if hasattr(model, "contract"):
        return model.contract.get("writer", {}).get("source") == "tokens"
    return writes(model) and model.input[model.source_name].dtype == "int32"


def labelled_images(source, split, shape, labels, skip_bad=False):
    """Loads a source in a model's size, and refuses classes that are not the model's."""
    from keras_seqattn import data

    examples = data.load(source, split, tuple(map(int, shape)), skip_bad)
    if labels is not None and list(examples.classes) != list(labels):
        raise ValueError(explain(
            "the source must have the classes of the model, in its order", source=source,
            source_classes=list(examples.classes), model_classes=list(labels),
            fix="pass the data that the model was trained for"))
    return examples


def test_examples(source, name, model, skip_bad):
    """Inputs and targets of a source's test split; targets of classes only, `None` otherwise."""
    if source is None:
        return None, None
    import numpy as np

    from keras_seqattn import models
    from keras_seqattn.data.batches import scale

    if reads_text(model):
        return sentence_ids(source, name, model, skip_bad), None
    if writes(model):
        examples = captioned_images(source, "test", model, VERIFIED, skip_bad)
        return scale(examples.read(np.arange(len(examples)))[0]), None
    examples = labelled_images(source, "test", model.input_shape[1:], models.labels(name), skip_bad)
    images, labels = examples.read(np.arange(len(examples)))
    return scale(images), labels


def sentence_ids(source, name, model, skip_bad):
    """`VERIFIED` sentences of a source's test split as ids."""
    from keras_seqattn.data import pairs

    known = tokenizer(name, model)
    examples = sentence_pairs(source, "test", model, VERIFIED, skip_bad)
    return pairs.pad(pairs.encode(examples.references(), known, model.max_length),
                     model.max_length)


def sentence_pairs(source, split, model, limit, skip_bad):
    """Loads pairs of sentences, or those of `limit` sources evenly spread over the split."""
    from keras_seqattn.data import pairs

    examples = pairs.load(source, split, skip_bad)
    if limit is None:
        return examples
    known = list(examples.references())
    chosen = {known[place] for place in _spread(limit, len(known))}
    kept = [pair for pair in zip(examples.sources, examples.targets, strict=True)
            if pair[0] in chosen]
    return pairs.Pairs(*zip(*kept, strict=True), examples.skipped)


def captioned_images(source, split, model, limit, skip_bad):
    """Loads captioned pictures in a captioner's size, or `limit` of them evenly spread."""
    from keras_seqattn.data import captions

    shape = (next(iter(model.inputs.values()))["shape"] if hasattr(model, "contract")
             else model.input[model.source_name].shape)
    examples = captions.load(source, split, tuple(map(int, shape[1:])), skip_bad)
    return examples if limit is None else examples.take(_spread(limit, len(examples)))


def _spread(limit, count):
    import numpy as np

    return np.linspace(0, count - 1, min(limit, count)).astype(int)


def tokenizer(name, model):
    """Tokenizer of a model or file that writes sequences."""
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
