"""The command `evaluate`: how good a model or an exported file is."""

import pathlib
import time
import typing
from collections.abc import Sequence
from typing import Annotated

import typer

from keras_seqattn.cli import classifiers, evaluation, given, sources
from keras_seqattn.cli.screen import AsJson, Beam, SkipBad, busy, finish, refuse
from keras_seqattn.errors import explain

if typing.TYPE_CHECKING:
    from keras_seqattn.data.tokenizer import Tokenizer

Report = Annotated[pathlib.Path | None, typer.Option(
    "--report", callback=given.output("--report"),
    help="Write the result to this .json file, or of a classifier to this .html page.")]
PAGE = ".html"
BATCH = 64  # sentences or pictures that a Keras model takes at a time


def evaluate(model: given.AnyModel, source: sources.Source,
             split: Annotated[str, typer.Option(
                 help="Split of the source.", callback=given.split)] = "test",
             beam: Beam = 1,
             limit: Annotated[int | None, typer.Option(
                 min=1, help="Take so many sentences or pictures only, evenly spread.")
             ] = None,
             skip_bad: SkipBad = False, report: Report = None,
             as_json: AsJson = False) -> None:
    """Measure a Keras model or an exported file.

    - What tells classes apart has an accuracy. Each class has a precision, which is the share of
      its answers that are right, and a recall, which is the share of its examples that are found.
    - Translations have BLEU. `bleu` takes each pair as an example of its own.
      `bleu_all_references` takes each distinct sentence once, against all its translations.
    - Captions have BLEU, ROUGE-L and CIDEr-D, in lower case and without punctuation.

    Tokens are those of what is written, the ends included. The seconds are all that pass; a Keras
    model is compiled in them too.

    Example: `seqattn evaluate runs/demo --data sample:eurosat`

    Example: `seqattn evaluate translate.tflite --data pairs:fra-eng.zip --beam 4`

    Example: `seqattn evaluate captioner_emoji --data flickr8k:FOLDER --split validation`
    """
    given.check_split(source, split)
    from keras_seqattn import edge, models

    exported = classifiers.is_exported(model)
    loaded = edge.load(model) if exported else models.load(model)
    about = {"model": model, "data": source, "split": split}
    if not sources.writes(loaded):
        refuse("write sequences", beam=beam > 1 and beam, limit=limit)
        classifier = (classifiers.of_file(loaded) if exported
                      else classifiers.of_model(model, loaded))
        return _evaluate_classes(classifier, about, skip_bad, report, as_json)
    if report is not None and report.suffix == PAGE:
        raise ValueError(explain("a page is written about classifiers", report=str(report),
                                 model=model, fix="pass a .json file"))
    measure = _measure_translations if sources.reads_text(loaded) else _measure_captions
    measured = measure(
        model, loaded, beam, 1 if exported else BATCH, source, split, limit, skip_bad)
    finish({**about, **measured}, report, as_json)


def _evaluate_classes(classifier: "classifiers.Classifier", about: dict[str, str], skip_bad: bool,
                      report: pathlib.Path | None, as_json: bool) -> None:
    labels = classifier.labels
    if labels and len(labels) == 1:
        labels = None  # that of yes alone
    examples = sources.labelled_images(
        about["data"], about["split"], classifier.image_shape, labels, skip_bad)
    with busy(f"evaluating {about['model']}"):
        measured = evaluation.measure(classifier.probabilities, examples)
    if not as_json:
        evaluation.show(measured)
    if report is not None and report.suffix == PAGE:
        evaluation.write_page(report, about, measured, examples)
        report = None
    finish({**about, **measured}, report, as_json, shown=True)


def _measure_translations(name: str, loaded: sources.Model, beam: int, batch_size: int,
                          source: str, split: str, limit: int | None, skip_bad: bool) -> dict:
    from keras_seqattn.training.scores import scoring

    examples = sources.sentence_pairs(source, split, limit, skip_bad)
    known = sources.tokenizer(name, loaded)
    with busy(f"translating {source} with {name}"):
        start = time.perf_counter()
        written = scoring.translations(loaded, known, list(examples.references()), beam, batch_size)
        seconds = time.perf_counter() - start
    return {"beam": beam, **scoring.bleu_scores(written, examples), "skipped": examples.skipped,
            **_speed(written, known, seconds)}


def _measure_captions(name: str, loaded: sources.Model, beam: int, batch_size: int,
                      source: str, split: str, limit: int | None, skip_bad: bool) -> dict:
    from keras_seqattn.training.scores import scoring

    examples = sources.captioned_images(source, split, loaded, limit, skip_bad)
    known = sources.tokenizer(name, loaded)
    with busy(f"captioning {source} with {name}"):
        start = time.perf_counter()
        written = scoring.captions(loaded, known, examples, beam, batch_size)
        seconds = time.perf_counter() - start
    return {"beam": beam, "pictures": len(examples), **scoring.caption_scores(written, examples),
            "skipped": examples.skipped, **_speed(written, known, seconds)}


def _speed(written: Sequence[str], known: "Tokenizer", seconds: float) -> dict:
    tokens = sum(len(known.encode(text)) + 1 for text in written)
    return {"tokens": tokens, "seconds": seconds, "tokens_per_s": tokens / seconds}
