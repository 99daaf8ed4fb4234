"""The command `export`: from a model to a verified file."""

import pathlib
import typing
from typing import Annotated

import typer

from keras_seqattn.cli import sources
from keras_seqattn.cli.screen import (
    AsJson,
    ReportFile,
    SkipBad,
    busy,
    finish_report,
    refuse,
    screen,
    table,
)
from keras_seqattn.edge.precisions import PRECISIONS, WRITER_PRECISIONS
from keras_seqattn.errors import explain

if typing.TYPE_CHECKING:
    import keras

CHOICE = 1_000  # training images that a precision is chosen on


def export(model: Annotated[str, typer.Argument(help="Model name, run folder or .keras file.")],
           out: Annotated[pathlib.Path, typer.Option(help="The .tflite or .onnx file to write.")],
           precision: Annotated[str, typer.Option(
               help=f"{', '.join(PRECISIONS)}, or auto: the smallest that is accurate enough. "
                    "Of a model that writes sequences "
                    f"{', '.join(WRITER_PRECISIONS)}.")] = "dynamic_wi8_afp32",
           source: sources.OptionalSource = None,
           calibration: Annotated[str | None, typer.Option(
               help="Source of training images for the ranges of activations. Defaults to --data "
                    "where a precision needs one.")] = None,
           max_drop: Annotated[float, typer.Option(
               help="With --precision auto: largest loss of accuracy, in points.")] = 0.5,
           image_input: Annotated[str, typer.Option(
               help="uint8 for a file that takes pixels 0 to 255 as they are.")] = "float32",
           attention: Annotated[bool, typer.Option(
               "--attention", help="Add an output with the last block's attention map.")] = False,
           beam_width: Annotated[int | None, typer.Option(
               min=1, help="Of a model that writes sequences: width of the file's beam search, "
                           "4 unless told.")] = None,
           licence: Annotated[str | None, typer.Option(
               help="Licence of model and data, written into the file.")] = None,
           force: Annotated[bool, typer.Option(
               "--force", help="Keep a file that fails, as OUT.rejected.")] = False,
           skip_bad: SkipBad = False, report: ReportFile = None, as_json: AsJson = False) -> None:
    """Write a model as a .tflite or .onnx file, verified before the file gets its name.

    A model that writes sequences leaves with its tokeniser. Decoding is part of the file then.

    Example: `seqattn export runs/demo --out vit.tflite --precision mixed_wi8_ai8 --data
    sample:eurosat`
    """
    from keras_seqattn import edge, models

    keras_model = models.load(model)
    options: dict[str, typing.Any] = {"licence": licence}
    if sources.writes(keras_model):
        refuse("tell classes apart", calibration=calibration, attention=attention,
               image_input=image_input != "float32" and image_input)
        options["tokenizer"] = sources.tokenizer(model, keras_model)
        options |= {"beam_width": beam_width} if beam_width else {}
    else:
        refuse("write sequences", beam_width=beam_width)
        options |= {"labels": models.labels(model), "image_input": image_input,
                    "attention": attention,
                    "calibration": calibration or (source if _calibrates(precision) else None)}
    inputs, targets = sources.test_examples(source, model, keras_model, skip_bad)
    rows: list[dict] = []
    with busy(f"exporting {out}"):
        if precision == "auto" and not sources.writes(keras_model):
            rows = _export_smallest(model, keras_model, out, source, max_drop, options)
            result = edge.verify(out, keras_model, inputs, targets)
        else:
            result = edge.export(keras_model, out, precision, inputs=inputs, targets=targets,
                                 force=force, **options)
    if rows and not as_json:
        _show_choice(rows, max_drop)
    finish_report(result, report, as_json, {"choice": rows} if rows else {})
    if not as_json:
        screen.print(f"wrote {out} and {out.with_suffix('.json')}")


def _calibrates(precision: str) -> bool:
    """Whether a precision takes examples for the ranges of activations."""
    from keras_seqattn import edge

    return precision == "auto" or (
        precision in edge.PRECISIONS and edge.PRECISIONS[precision].needs_calibration)


def _export_smallest(name: str, model: "keras.Model", out: pathlib.Path, source: str | None,
                     max_drop: float, options: dict[str, typing.Any]) -> list[dict]:
    """Writes the smallest file that is accurate enough; returns a row for each precision.

    Training images choose. Calibration does not see them, and no test image is among them.
    """
    import numpy as np

    from keras_seqattn import edge, models
    from keras_seqattn.data.batches import scale
    from keras_seqattn.edge import calibration

    if source is None:
        raise ValueError(explain("--precision auto needs data to measure accuracy on", data=None,
                                 fix="pass --data SOURCE"))
    examples = sources.labelled_images(
        source, "train", model.input_shape[1:], models.labels(name))
    left = np.setdiff1d(np.arange(len(examples)), calibration.places(len(examples)))
    chosen = left[np.linspace(0, len(left) - 1, min(len(left), CHOICE)).astype(int)]
    images, labels = examples.read(chosen)
    _, rows = edge.smallest(model, out, scale(images), labels, max_drop=max_drop, **options)
    return rows


def _show_choice(rows: list[dict], max_drop: float) -> None:
    shown = table("precision", "bytes", "drop", "agree", "ms", f"drop <= {max_drop:g}", "")
    for row in rows:
        measured = [f"{row['bytes']:,}", f"{row['drop']:+.2f}", f"{row['top1_agreement']:.3f}",
                    f"{row['latency_ms']:.2f}"] if "bytes" in row else ["–"] * 4
        shown.add_row(row["precision"], *measured, "yes" if row["holds"] else "no",
                      "chosen" if row["chosen"] else "")
    screen.print(shown)
