"""The command `export`: from a model to a verified file."""

import pathlib
import typing
from typing import Annotated

import typer

from keras_seqattn.cli import given, shapes, sources
from keras_seqattn.cli import npu as npus
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
from keras_seqattn.errors import explain

if typing.TYPE_CHECKING:
    import keras

    from keras_seqattn.edge.check.report import Report
    from keras_seqattn.edge.npu.report import NpuReport

# The names that `edge` has, written here since importing it takes longer than an answer may.
PRECISIONS = ("float32", "float16", "dynamic_wi8_afp32", "dynamic_wi4_afp32", "mixed_wi8_ai8",
              "static_wi8_ai8", "static_wi8_ai16")
WRITER_PRECISIONS = ("float32", "weight_only_wi8_afp32", "dynamic_wi8_afp32")
CONTENTS = ("logits", "probabilities", "independent probabilities", "features", "indices",
            "tokens", "attention")
MAX_DROP = 0.5
CHOICE = 1_000  # training images that a precision is chosen on

Out = Annotated[pathlib.Path | None, typer.Option(
    help="The .tflite or .onnx file to write; or --android.",
    callback=given.output("--out", given.EXPORTED))]
Android = Annotated[pathlib.Path | None, typer.Option(
    help="Android module that is to have the model: the .tflite file, its contract and its "
         "labels go into the module's src/main/assets/models.")]
Precision = Annotated[str, typer.Option(
    callback=given.one_of("--precision", "auto", *{*PRECISIONS, *WRITER_PRECISIONS}),
    help=f"{', '.join(PRECISIONS)}, or auto: the smallest that is accurate enough. "
         "Of a model that writes sequences "
         f"{', '.join(WRITER_PRECISIONS)}.")]
Calibration = Annotated[str | None, typer.Option(
    callback=given.source,
    help="Source of training images for the ranges of activations. Defaults to --data "
         "where a precision needs one.")]
MaxDrop = Annotated[float | None, typer.Option(
    help="With --precision auto: largest loss of accuracy in points, 0.5 unless told.")]
ImageInput = Annotated[str, typer.Option(
    callback=given.one_of("--image-input", "float32", "uint8"),
    help="uint8 for a file that takes pixels 0 to 255 as they are.")]
Attention = Annotated[bool, typer.Option(
    "--attention", help="Add an output with the last block's attention map.")]
Outputs = Annotated[list[str] | None, typer.Option(
    help="What an output is where the model does not tell, as NAME=CONTENT, or CONTENT "
         f"for the only output: {', '.join(CONTENTS)}.")]
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
Npu = Annotated[str | None, typer.Option(
    callback=npus.chips,
    help="Chips that also get a file for their NPU, such as qualcomm:SM8750,SM8650.")]


def export(model: given.KerasModel, out: Out = None, android: Android = None,
           precision: Precision = "dynamic_wi8_afp32",
           source: sources.OptionalSource = None, calibration: Calibration = None,
           max_drop: MaxDrop = None, image_input: ImageInput = "float32",
           attention: Attention = False, outputs: Outputs = None,
           input_shape: shapes.InputShape = None, batch_size: BatchSize = None,
           keep_float: KeepFloat = None, max_error: MaxError = None, beam_width: BeamWidth = None,
           runtime: Runtime = None, licence: Licence = None, npu: Npu = None,
           force: Force = False, skip_bad: SkipBad = False, report: ReportFile = None,
           as_json: AsJson = False) -> None:
    """Write a model as a .tflite or .onnx file, verified before the file gets its name.

    A model that writes sequences leaves with its tokeniser. Decoding is part of the file then.

    Example: `seqattn export runs/demo --out vit.tflite --precision mixed_wi8_ai8 --data
    sample:eurosat`
    """
    _check_auto(precision, source, max_drop)
    _check_place(out, android, npu)
    from keras_seqattn import edge, models
    from keras_seqattn.edge import android as layout
    from keras_seqattn.edge.contract.contract import beside

    out = layout.place(android, model) if android else typing.cast(pathlib.Path, out)
    keras_model, given_shapes = models.load(model), shapes.parse(input_shape)
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
        shapes.check_known(keras_model, input_shape)
        options |= {"labels": models.labels(model), "outputs": _told(outputs),
                    "image_input": image_input, "attention": attention,
                    "input_shapes": given_shapes, "batch_size": batch_size or 1}
    shape = next((each for each in given_shapes or () if isinstance(each, tuple)), None)
    if not sources.writes(keras_model):
        options["calibration"] = _calibration(
            calibration or (source if _calibrates(precision) else None), keras_model, shape,
            skip_bad)
    inputs, targets = sources.test_examples(source, model, keras_model, skip_bad, shape)
    rows: list[dict] = []
    with busy(f"exporting {out}") as status:
        options["progress"] = lambda stage: status.update(f"exporting {out}: {stage}")
        if precision == "auto" and source is not None and not sources.writes(keras_model):
            drop = MAX_DROP if max_drop is None else max_drop
            rows = _export_smallest(
                model, keras_model, out, source, drop, shape, skip_bad, options)
            result = edge.verify(out, keras_model, inputs, targets)
        else:
            result = edge.export(keras_model, out, precision, inputs=inputs, targets=targets,
                                 force=force, **options)
    written = [out, beside(out), *filter(None, [layout.write_labels(out) if android else None])]
    if rows and not as_json:
        _show_choice(rows, drop)
    made = npus.compiled(out, npu)
    _finish(result, written, rows, made, report, as_json)


def _finish(result: "Report", written: list[pathlib.Path], rows: list[dict],
            made: "NpuReport | None", report: pathlib.Path | None, as_json: bool) -> None:
    """Prints and writes what was measured, and names the files."""
    more: dict[str, typing.Any] = {"choice": rows} if rows else {}
    if made is not None:
        more["npu"] = made.to_dict()
        written += [pathlib.Path(each.file) for each in made.chips.values() if each.file]
    finish_report(result, report, as_json, more)
    if as_json:
        return
    if made is not None:
        npus.show(made)
    screen.print(f"wrote {', '.join(map(str, written))}")


def _check_place(out: pathlib.Path | None, android: pathlib.Path | None,
                 npu: str | None) -> None:
    if (out is None) == (android is None):
        raise ValueError(explain(
            "the command must be told one place to write to", out=out and str(out),
            android=android and str(android), fix="pass either --out FILE or --android MODULE"))
    if npu is not None and out is not None and out.suffix != ".tflite":
        raise ValueError(explain("files for NPUs are made of .tflite files", npu=npu, out=str(out),
                                 fix="pass --out FILE.tflite"))


def _told(outputs: list[str] | None) -> str | dict[str, str] | None:
    """What `edge.export` takes: one content, or contents by name of the output."""
    if outputs and len(outputs) == 1 and "=" not in outputs[0]:
        return outputs[0]
    pairs = [each.rpartition("=") for each in outputs or ()]
    return {name: content for name, _, content in pairs} or None


def _check_auto(precision: str, source: str | None, max_drop: float | None) -> None:
    """Refuses options that do not go with the precision."""
    if precision == "auto" and source is None:
        raise ValueError(explain(
            "--precision auto is for models that tell classes apart, and needs data to measure "
            "accuracy on", precision=precision, data=None, fix="pass --data SOURCE"))
    if precision != "auto" and max_drop is not None:
        raise ValueError(explain("--max-drop goes with --precision auto", max_drop=max_drop,
                                 precision=precision, fix="pass --precision auto, or leave it out"))


def _calibration(source: str | None, model: "keras.Model", shape: tuple[int, ...] | None,
                 skip_bad: bool) -> typing.Any:
    """What `edge.export` finds the ranges of activations on: a source, or its readable pictures."""
    if source is None or not skip_bad:
        return source
    from keras_seqattn.data.batches import scale
    from keras_seqattn.edge.examples import places

    examples = sources.labelled_images(
        source, "train", shape or model.input_shape[1:], None, skip_bad)
    return scale(examples.read(places(len(examples)))[0])


def _calibrates(precision: str) -> bool:
    """Whether a precision takes examples for the ranges of activations."""
    from keras_seqattn import edge

    return precision == "auto" or (
        precision in edge.PRECISIONS and edge.PRECISIONS[precision].needs_calibration)


def _export_smallest(name: str, model: "keras.Model", out: pathlib.Path, source: str,
                     max_drop: float, shape: tuple[int, ...] | None, skip_bad: bool,
                     options: dict[str, typing.Any]) -> list[dict]:
    """Writes the smallest file that is accurate enough; returns a row for each precision.

    Training images choose. Calibration does not see them, and no test image is among them.
    """
    import numpy as np

    from keras_seqattn import edge, models
    from keras_seqattn.data.batches import scale
    from keras_seqattn.edge.examples import places

    examples = sources.labelled_images(
        source, "train", shape or model.input_shape[1:], models.labels(name), skip_bad)
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
