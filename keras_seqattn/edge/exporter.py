"""From a Keras model to a verified file: the road on one page.

`export` is the road. What is particular to a file format is its row in `formats`; what is
particular to a model that writes sequences is in `generator` and `check.generator`.
"""

from __future__ import annotations

import collections.abc
import contextlib
import os
import pathlib
import tempfile
import typing

import numpy as np

from keras_seqattn.edge import formats
from keras_seqattn.edge.calibration import choose, few
from keras_seqattn.edge.check.generator import writes
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.check.verify import verify
from keras_seqattn.edge.contract.contract import describe, write_beside
from keras_seqattn.edge.float32 import float32_copy
from keras_seqattn.edge.precisions import PRECISIONS, WRITER_PRECISIONS
from keras_seqattn.edge.tflite.converter import process
from keras_seqattn.errors import explain, nearest
from keras_seqattn.files import whole

if typing.TYPE_CHECKING:
    import keras

    from keras_seqattn.data.tokenizer import Tokenizer

IMAGE_INPUTS = ("float32", "uint8")
FOLDS = (True, False, "rotate", "balance")
EXAMPLES = "examples.npz"  # calibration examples beside what the converter reads


class ExportError(RuntimeError):
    """The model could not be converted, or its file failed verification."""


def export(model: keras.Model, path: os.PathLike | str, precision: str = "dynamic_wi8_afp32", *,
           calibration: typing.Any = None, labels: collections.abc.Sequence[str] | None = None,
           inputs: typing.Any = None, targets: typing.Any = None, mean: typing.Any = 127.5,
           std: typing.Any = 127.5, image_input: str = "float32", attention: bool = False,
           licence: str | None = None, fold: bool | str = True, force: bool = False,
           tokenizer: Tokenizer | None = None, beam_width: int = 4) -> Report:
    """Writes a Keras model as a file that is verified before it gets its name.

    The model is folded exactly (`fold`): less is computed, and quantisation loses less. The file
    has

    - static shapes with a batch of 1;
    - named inputs and outputs;
    - builtin ops only;
    - a contract with its labels and normalisation, which also lies beside it as `.json`.

    A model under mixed precision is exported from a float32 copy.

    Args:
        model: Built `keras.Model` with known input sizes, on the TensorFlow backend.
        path: Path of the file; `.tflite`, or `.onnx` for ONNX Runtime.
        precision: A key of `PRECISIONS`; `.onnx` files have float32 and dynamic_wi8_afp32.
        calibration: 32 to 512 examples as the model takes them, `(n, …)` or a dictionary of them,
            or a SOURCE whose training images are used. Precisions with fixed ranges of activations
            need it. The other quantised precisions of a `.tflite` file round their weights better
            with it.
        labels: Names of the classes, written into the file.
        inputs: Examples to verify with, `(n, …)`. Defaults to 16 of the calibration examples, or
            to 8 random ones.
        targets: Integer classes of `inputs`, `(n,)`, to measure accuracy.
        mean: Subtracted from 8-bit pixels before they enter the model; written into the file.
        std: Divides what remains; written into the file.
        image_input: `"uint8"` for a file that takes pixels 0 to 255 and scales them itself.
        attention: Whether the file has a second output `attention`, `(1, GH, GW)`: the share of
            the last block's attention that each patch of the image receives.
        licence: Text on the licence of model and data, written into the file.
        fold: Whether to fold the model. `"rotate"` also rotates its residual stream. `"balance"`
            also evens out the features between norms and dense layers by the calibration examples;
            it is for models whose features differ by orders of magnitude.
        force: Whether to keep a file that fails verification, as `path` + `.rejected`.
        tokenizer: `data.tokenizer.Tokenizer` of a `models.Generator`. Such a model leaves unfolded,
            in a precision of `precisions.WRITER_PRECISIONS`, with the signatures that
            `edge.generator` tells. Of the other arguments it takes `inputs`, `mean`, `std`,
            `licence` and `force`.
        beam_width: Width of the signature `beam` of such a model.

    Returns:
        `Report` on the file.

    Raises:
        ValueError: an argument is unknown or does not fit the model. The model has unknown input
            sizes, or Keras another backend than TensorFlow. The path cannot be written.
        ExportError: the conversion failed, or the file does not do what the model does.
    """
    path, form, writing = pathlib.Path(path), formats.of(path), writes(model)
    beside: list[str] = []  # what the file holds beside its contract
    _check_precision(precision, form, writing)
    if writing:
        from keras_seqattn.edge import generator

        beside.append(generator.check(model, form, tokenizer, beam_width).to_json())
    else:
        _check(model, image_input, labels, fold, calibration)
    model, notes = float32_copy(model), []
    examples = None if writing else choose(model, calibration, precision)
    with _enough_disk(path), tempfile.TemporaryDirectory() as folder:
        if writing:
            generator.save(model, beam_width, folder)
        else:
            notes = _save(model, folder, form, examples, fold, attention, image_input, mean, std)
        process.give_back()  # the graph's weights; the converter needs several times as much
        with whole(path) as temporary:
            _convert(model, folder, temporary, form, precision)
            contract = describe(
                form.session(temporary), name=path.stem, precision=precision,
                labels=None if writing else labels, mean=mean, std=std, licence=licence,
                minimum_runtime=form.minimum(temporary))
            if writing:
                contract = generator.complete(contract, model, beam_width)
            form.write(temporary, contract, *beside)
            report = verify(temporary, model, few(examples) if inputs is None else inputs,
                            targets, mean=mean, std=std)
            report.file, report.notes = str(path), [*notes, *report.notes]
            if not report.holds:
                _reject(report, temporary, path, force)
    write_beside(path, contract)
    return report


def _save(model, folder, form, examples, fold, attention, image_input, mean, std):
    """Writes what the converter reads: the folded graph as a SavedModel, and the examples.

    Returns:
        Notes on what was done, one sentence each.
    """
    from keras_seqattn.edge.fold import fold as folding
    from keras_seqattn.edge.fold import smooth_quant
    from keras_seqattn.edge.graph import ports
    from keras_seqattn.edge.lower.walk import lower
    from keras_seqattn.edge.tflite.converter import saved_model

    graph, dtype = lower(model, fuse=form.fuses), None
    if attention:
        ports.attention_map(graph)
    if fold:
        folding.fold(graph, rotate=fold == "rotate")
    if fold == "balance":
        smooth_quant.balance_norms(graph, smooth_quant.feature_ranges(graph, examples))
    if image_input == "uint8":
        ports.check_image(model)
        ports.take_pixels(graph, mean, std)
        dtype, examples = "uint8", examples and ports.as_pixels(examples, mean, std)
    if graph.num_bytes() > form.largest:
        raise ValueError(explain(
            f"the weights must fit into one {form.suffix} file, {form.largest:,} bytes in float32",
            num_bytes=graph.num_bytes(),
            fix="split the model in two, such as encoder and decoder, and export each, or use a "
                "smaller size of it"))
    saved_model.write(graph, _input_specs(model, dtype), folder)
    if examples is not None:
        np.savez(pathlib.Path(folder) / EXAMPLES, **examples)
    return graph.notes


def _input_specs(model, dtype):
    import keras

    return [keras.InputSpec(shape=(1, *each.shape[1:]), dtype=dtype or each.dtype, name=each.name)
            for each in model.inputs]


def _convert(model, folder, out, form, precision):
    """Converts a SavedModel in a process of its own; names the layer that cannot be converted."""
    examples = pathlib.Path(folder) / EXAMPLES
    result = process.run(form.converter, folder, out, precision,
                         *([examples] if examples.exists() else []))
    if result.returncode or not out.exists():
        from keras_seqattn.edge.tflite.converter import culprit

        found = culprit.find(model, result.stderr)
        last = [line for line in result.stderr.splitlines() if line.strip()][-3:]
        raise ExportError(explain(
            f"the converter must be able to express the model in {form.suffix} ops",
            cannot=culprit.describe(found) or None, exit_code=result.returncode, last_lines=last,
            fix=culprit.advice(found) if found else "see the last lines"))


def _reject(report, temporary, path, force):
    """Refuses a file that failed; with `force` it stays under a name that says so."""
    kept = "no file was written"
    if force:
        rejected = path.with_name(f"{path.name}{formats.REJECTED}")
        os.replace(temporary, rejected)
        kept = f"the file lies at {rejected}"
    raise ExportError(explain(
        "the exported file must do what the model does", file=str(path),
        precision=report.precision, failures=report.failures, fix=f"see the failures; {kept}"))


@contextlib.contextmanager
def _enough_disk(path):
    """Says of an error of the operating system what to do about it."""
    try:
        yield
    except OSError as error:
        raise ExportError(explain(
            "the file, and what is made on the way, must fit on the disk", file=str(path),
            scratch=tempfile.gettempdir(), error=str(error),
            fix="free space, or name another folder in TMPDIR")) from error


def _check_precision(precision, form, writing):
    import keras

    known = [name for name in (WRITER_PRECISIONS if writing else PRECISIONS)
             if name in form.precisions]
    if precision not in known:
        raise ValueError(explain("`precision` must be one of the format and of the kind of model",
                                 precision=precision, fix=nearest(precision, known)))
    if keras.backend.backend() != "tensorflow":
        raise ValueError(explain(
            "export needs Keras on TensorFlow", backend=keras.backend.backend(),
            fix="save the model as .keras and export it with KERAS_BACKEND=tensorflow"))


def _check(model, image_input, labels, fold, calibration):
    """Refuses arguments that do not fit a model that computes its outputs in one pass."""
    if image_input not in IMAGE_INPUTS:
        raise ValueError(explain("`image_input` is not known", image_input=image_input,
                                 fix=nearest(image_input, IMAGE_INPUTS)))
    shapes = [tuple(each.shape) for each in getattr(model, "inputs", None) or ()]
    if not shapes or any(None in shape[1:] for shape in shapes):
        raise ValueError(explain(
            "the sizes of the model's inputs must be known, but for the batch",
            input_shapes=shapes, fix="build the model with keras.Input of a fixed shape"))
    classes = {shape[-1] for shape in (tuple(each.shape) for each in model.outputs)}
    if labels is not None and len(labels) not in classes:
        raise ValueError(explain(
            "`labels` must name every class of the model", labels=list(labels),
            num_classes=max(classes), fix="pass one name per logit, in order"))
    if fold not in FOLDS or (fold == "balance" and calibration is None):
        raise ValueError(explain(
            "`fold` must be True, False, 'rotate', or 'balance' with calibration", fold=fold,
            calibration=None if calibration is None else "given", fix="leave fold=True"))
