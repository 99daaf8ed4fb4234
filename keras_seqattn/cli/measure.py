"""The commands that measure: `evaluate`, `verify` and `benchmark`."""

import pathlib
import time
import typing
from collections.abc import Sequence
from typing import Annotated

import typer

from keras_seqattn.cli import sources
from keras_seqattn.cli.screen import (
    AsJson,
    Beam,
    ReportFile,
    SkipBad,
    busy,
    finish,
    finish_report,
    refuse,
    screen,
    table,
)
from keras_seqattn.errors import explain

if typing.TYPE_CHECKING:
    import keras

    from keras_seqattn.data.tokenizer import Tokenizer

BATCH = 64  # sentences or pictures that a Keras model takes at a time


def evaluate(model: Annotated[str, typer.Argument(
                 help="Model name, URL, run folder, .keras, .tflite or .onnx file.")],
             source: sources.Source,
             split: Annotated[str, typer.Option(help="Split of the source.")] = "test",
             beam: Beam = 1,
             limit: Annotated[int | None, typer.Option(
                 min=1, help="Take so many sentences or pictures only, evenly spread.")
             ] = None,
             skip_bad: SkipBad = False, report: ReportFile = None,
             as_json: AsJson = False) -> None:
    """Measure a Keras model or an exported file.

    - What tells classes apart has an accuracy.
    - Translations have BLEU. `bleu` takes each pair as an example of its own.
      `bleu_all_references` takes each distinct sentence once, against all its translations.
    - Captions have BLEU, ROUGE-L and CIDEr-D, in lower case and without punctuation.

    Tokens are those of what is written, the ends included. The seconds are all that pass; a Keras
    model is compiled in them too.

    Example: `seqattn evaluate runs/demo --data sample:eurosat`

    Example: `seqattn evaluate translate.tflite --data pairs:fra-eng.zip --beam 4`

    Example: `seqattn evaluate captioner_emoji --data flickr8k:FOLDER --split validation`
    """
    from keras_seqattn import edge, models
    from keras_seqattn.edge import formats

    exported = pathlib.Path(model).suffix in formats.FORMATS
    loaded = edge.load(model) if exported else models.load(model)
    if sources.writes(loaded):
        measure = _measure_translations if sources.reads_text(loaded) else _measure_captions
        measured = measure(
            model, loaded, beam, 1 if exported else BATCH, source, split, limit, skip_bad)
    else:
        refuse("write sequences", beam=beam > 1 and beam, limit=limit)
        measured = _measure_classes(model, loaded, exported, source, split, skip_bad)
    finish({"model": model, "data": source, "split": split, **measured}, report, as_json)


def _measure_classes(name: str, loaded: sources.Model, exported: bool, source: str,
                     split: str, skip_bad: bool) -> dict:
    from keras_seqattn import data, models
    from keras_seqattn.data.batches import scale
    from keras_seqattn.edge.contract import classes

    if exported:
        shape = next(iter(loaded.inputs.values()))["shape"][1:]
        labels = loaded.labels

        def predict(images):
            return loaded.probabilities(loaded.normalise(images))
    else:
        shape, labels = loaded.input_shape[1:], models.labels(name)
        kind = _content(loaded)

        def predict(images):
            return classes.probabilities(loaded.predict_on_batch(scale(images)), kind)
    if labels and len(labels) == 1:
        labels = None  # that of yes alone
    examples = sources.labelled_images(source, split, shape, labels, skip_bad)
    with busy(f"evaluating {name}"):
        accuracy, count = data.accuracy(predict, examples)
    return {"examples": count, "accuracy": accuracy}


def _content(model: "keras.Model") -> str:
    """What the output of a Keras model is; the likeliest of several classes is the same for all."""
    from keras_seqattn.edge.contract import content
    from keras_seqattn.edge.lower.trace import lower

    if len(model.outputs) != 1:
        raise ValueError(explain(
            "a Keras model must have one output to be measured", outputs=model.output_names,
            fix="export the model with labels, and measure the file"))
    if model.output_shape[-1] != 1:
        return content.PROBABILITIES
    found, = content.find(lower(model)).values()
    return found.content or content.LOGITS


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


def verify(file: Annotated[str, typer.Argument(help="The .tflite or .onnx file.")],
           against: Annotated[str, typer.Option(help="Model name, run folder or .keras file.")],
           source: sources.OptionalSource = None, skip_bad: SkipBad = False,
           report: ReportFile = None, as_json: AsJson = False) -> None:
    """Hold a file against its Keras model; exit 0 when the file holds, 1 when it does not.

    Example: `seqattn verify vit.tflite --against runs/demo --data sample:eurosat`
    """
    from keras_seqattn import edge, models

    keras_model = models.load(against)
    shape = None if source is None else list(
        map(int, next(iter(edge.load(file).inputs.values()))["shape"][1:]))
    inputs, targets = sources.test_examples(source, against, keras_model, skip_bad, shape)
    with busy(f"verifying {file}"):
        result = edge.verify(file, keras_model, inputs, targets)
    finish_report(result, report, as_json)
    if not result.holds:
        raise typer.Exit(1)


def benchmark(files: Annotated[list[str], typer.Argument(help=".tflite files.")],
              threads: Annotated[int, typer.Option(help="CPU threads to run the file on.")] = 2,
              runs: Annotated[int, typer.Option(help="Number of timed runs.")] = 50,
              report: ReportFile = None, as_json: AsJson = False) -> None:
    """Time exported files on random inputs, and count the tokens per second of those that write.

    Example: `seqattn benchmark runs/demo/*.tflite --threads 2 --runs 50`
    """
    from keras_seqattn import edge

    results = dict(zip(files, edge.benchmark(files, threads, runs), strict=True))
    if not as_json:
        writers = any("tokens_per_s" in row for row in results.values())
        shown = table("file", "median ms", "p90 ms", "runs", "threads",
                      *["tokens/s"] * writers)
        for file, row in results.items():
            rate = f"{row['tokens_per_s']:,.1f}" if "tokens_per_s" in row else "–"
            shown.add_row(file, f"{row['median_ms']:.3f}", f"{row['p90_ms']:.3f}",
                          str(runs), str(threads), *[rate] * writers)
        screen.print(shown)
    finish(results, report, as_json, shown=True)
