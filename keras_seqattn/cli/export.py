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
from keras_seqattn.edge.contract.content import CONTENTS
from keras_seqattn.edge.contract.contract import beside
from keras_seqattn.edge.precisions import PRECISIONS, WRITER_PRECISIONS
from keras_seqattn.errors import explain

if typing.TYPE_CHECKING:
    import keras

CHOICE = 1_000  # training images that a precision is chosen on

Model = Annotated[str, typer.Argument(help="Model name, run folder or .keras file.")]
Out = Annotated[pathlib.Path | None, typer.Option(
    help="The .tflite or .onnx file to write; or --android.")]
Android = Annotated[pathlib.Path | None, typer.Option(
    help="Android module that is to have the model: the .tflite file, its contract and its "
         "labels go into the module's src/main/assets/models.")]
Precision = Annotated[str, typer.Option(
    help=f"{', '.join(PRECISIONS)}, or auto: the smallest that is accurate enough. "
         "Of a model that writes sequences "
         f"{', '.join(WRITER_PRECISIONS)}.")]
Calibration = Annotated[str | None, typer.Option(
    help="Source of training images for the ranges of activations. Defaults to --data "
         "where a precision needs one.")]
MaxDrop = Annotated[float, typer.Option(
    help="With --precision auto: largest loss of accuracy, in points.")]
ImageInput = Annotated[str, typer.Option(
    help="uint8 for a file that takes pixels 0 to 255 as they are.")]
Attention = Annotated[bool, typer.Option(
    "--attention", help="Add an output with the last block's attention map.")]
Outputs = Annotated[list[str] | None, typer.Option(
    help="What an output is where the model does not tell, as NAME=CONTENT, or CONTENT "
         f"for the only output: {', '.join(CONTENTS)}.")]
InputShape = Annotated[list[str] | None, typer.Option(
    help="Shape of one example, for a model of unknown input sizes: 128, 160x160x3, or "
         "NAME=SHAPE,NAME=SHAPE for several inputs. Several times for a .tflite file "
         "of several signatures.")]
BatchSize = Annotated[list[int] | None, typer.Option(
    min=1, help="Examples that one run of the file takes, 1 unless told. Several times "
                "for several signatures.")]
KeepFloat = Annotated[list[str] | None, typer.Option(
    help="Layer that stays in float, by its name, a part of its path or a pattern; or "
         "auto: few that bring the error within --max-error.")]
MaxError = Annotated[float | None, typer.Option(
    help="With --keep-float auto: largest error as a share of an output, the "
         "precision's tolerance unless told.")]
BeamWidth = Annotated[int | None, typer.Option(
    min=1, help="Of a model that writes sequences: width of the file's beam search, "
                "4 unless told.")]
Runtime = Annotated[str | None, typer.Option(
    help="Oldest release that must compute the file, such as 2.16: of TensorFlow Lite, "
         "for an .onnx file of ONNX Runtime.")]
Licence = Annotated[str | None, typer.Option(
    help="Licence of model and data, written into the file.")]
Force = Annotated[bool, typer.Option( "--force", help="Keep a file that fails, as OUT.rejected.")]


def export(model: Model, out: Out = None, android: Android = None,
           precision: Precision = "dynamic_wi8_afp32",
           source: sources.OptionalSource = None, calibration: Calibration = None,
           max_drop: MaxDrop = 0.5, image_input: ImageInput = "float32",
           attention: Attention = False, outputs: Outputs = None, input_shape: InputShape = None,
           batch_size: BatchSize = None, keep_float: KeepFloat = None, max_error: MaxError = None,
           beam_width: BeamWidth = None, runtime: Runtime = None, licence: Licence = None,
           force: Force = False, skip_bad: SkipBad = False, report: ReportFile = None,
           as_json: AsJson = False) -> None:
    """Write a model as a .tflite or .onnx file, verified before the file gets its name.

    A model that writes sequences leaves with its tokeniser. Decoding is part of the file then.

    Example: `seqattn export runs/demo --out vit.tflite --precision mixed_wi8_ai8 --data
    sample:eurosat`
    """
    from keras_seqattn import edge, models
    from keras_seqattn.edge.android import write_labels

    keras_model = models.load(model)
    out = _place(out, android, model)
    options: dict[str, typing.Any] = {
        "licence": licence, "runtime": runtime, "max_error": max_error,
        "keep_float": "auto" if keep_float == ["auto"] else keep_float or ()}
    if sources.writes(keras_model):
        refuse("tell classes apart", calibration=calibration, attention=attention, outputs=outputs,
               image_input=image_input != "float32" and image_input, input_shape=input_shape,
               batch_size=batch_size)
        options["tokenizer"] = sources.tokenizer(model, keras_model)
        options |= {"beam_width": beam_width} if beam_width else {}
    else:
        refuse("write sequences", beam_width=beam_width)
        options |= {"labels": models.labels(model), "outputs": _told(outputs),
                    "image_input": image_input, "attention": attention,
                    "calibration": calibration or (source if _calibrates(precision) else None),
                    "input_shapes": _shapes(input_shape), "batch_size": batch_size or 1}
    shape = next(filter(lambda each: isinstance(each, tuple), _shapes(input_shape) or ()), None)
    inputs, targets = sources.test_examples(source, model, keras_model, skip_bad, shape)
    rows: list[dict] = []
    with busy(f"exporting {out}") as status:
        options["progress"] = lambda stage: status.update(f"exporting {out}: {stage}")
        if precision == "auto" and not sources.writes(keras_model):
            rows = _export_smallest(model, keras_model, out, source, max_drop, shape, options)
            result = edge.verify(out, keras_model, inputs, targets)
        else:
            result = edge.export(keras_model, out, precision, inputs=inputs, targets=targets,
                                 force=force, **options)
    written = [out, beside(out), *filter(None, [write_labels(out) if android else None])]
    if rows and not as_json:
        _show_choice(rows, max_drop)
    finish_report(result, report, as_json, {"choice": rows} if rows else {})
    if not as_json:
        screen.print(f"wrote {', '.join(map(str, written))}")


def _place(out: pathlib.Path | None, android: pathlib.Path | None, model: str) -> pathlib.Path:
    """The file to write."""
    from keras_seqattn.edge import android as layout

    if (out is None) == (android is None):
        raise ValueError(explain(
            "the command must be told one place to write to", out=out and str(out),
            android=android and str(android), fix="pass either --out FILE or --android MODULE"))
    return layout.place(android, model) if android else typing.cast(pathlib.Path, out)


def _told(outputs: list[str] | None) -> str | dict[str, str] | None:
    """What `edge.export` takes: one content, or contents by name of the output."""
    if outputs and len(outputs) == 1 and "=" not in outputs[0]:
        return outputs[0]
    pairs = [each.rpartition("=") for each in outputs or ()]
    return {name: content for name, _, content in pairs} or None


def _shapes(texts: list[str] | None) -> list[typing.Any] | None:
    """What `edge.export` takes: a list of shapes, or of dictionaries of them by name of the input.

    >>> _shapes(["128", "160x160x3", "ids=128,mask=128"])
    [(128,), (160, 160, 3), {'ids': (128,), 'mask': (128,)}]
    """
    return None if not texts else [_shape(each) if "=" not in each else {
        name: _shape(shape) for name, _, shape in (
            part.rpartition("=") for part in each.split(","))} for each in texts]


def _shape(text: str) -> tuple[int, ...]:
    sizes = text.strip().split("x")
    if not all(size.isdecimal() for size in sizes):
        raise ValueError(explain("--input-shape must be sizes with an x between them",
                                 input_shape=text, fix="pass one such as 128 or 160x160x3"))
    return tuple(map(int, sizes))


def _calibrates(precision: str) -> bool:
    """Whether a precision takes examples for the ranges of activations."""
    from keras_seqattn import edge

    return precision == "auto" or (
        precision in edge.PRECISIONS and edge.PRECISIONS[precision].needs_calibration)


def _export_smallest(name: str, model: "keras.Model", out: pathlib.Path, source: str | None,
                     max_drop: float, shape: tuple[int, ...] | None,
                     options: dict[str, typing.Any]) -> list[dict]:
    """Writes the smallest file that is accurate enough; returns a row for each precision.

    Training images choose. Calibration does not see them, and no test image is among them.
    """
    import numpy as np

    from keras_seqattn import edge, models
    from keras_seqattn.data.batches import scale
    from keras_seqattn.edge.examples import places

    if source is None:
        raise ValueError(explain("--precision auto needs data to measure accuracy on", data=None,
                                 fix="pass --data SOURCE"))
    examples = sources.labelled_images(
        source, "train", shape or model.input_shape[1:], models.labels(name))
    left = np.setdiff1d(np.arange(len(examples)), places(len(examples)))
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
