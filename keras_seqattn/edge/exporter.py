"""From a Keras model to a verified file, `.tflite` or `.onnx`."""

import os
import pathlib
import tempfile
import typing

import numpy as np

from keras_seqattn.edge.calibration import choose
from keras_seqattn.edge.check.verify import verify
from keras_seqattn.edge.contract import contract as contracts
from keras_seqattn.edge.float32 import float32_copy
from keras_seqattn.edge.onnx import convert
from keras_seqattn.edge.precisions import PRECISIONS, WRITER_PRECISIONS
from keras_seqattn.edge.run.runner import backend
from keras_seqattn.edge.tflite import contract_in_file, op_versions
from keras_seqattn.edge.tflite.converter import process
from keras_seqattn.edge.tflite.reader import check_size
from keras_seqattn.errors import explain, nearest
from keras_seqattn.files import whole

IMAGE_INPUTS = ("float32", "uint8")
FOLDS = (True, False, "rotate", "balance")
VERIFIED = 16  # calibration examples to verify with


class Format(typing.NamedTuple):
    """What is particular to a kind of file.

    Attributes:
        module: What converts, run in a process of its own.
        precisions: Names of the precisions it has.
        write: Function that writes a contract into a file.
        minimum: Function from a file to the first release of its runtime.
    """

    module: str
    precisions: typing.Collection
    write: typing.Callable
    minimum: typing.Callable


FORMATS = {
    ".tflite": Format("keras_seqattn.edge.tflite.converter.convert", PRECISIONS,
                      contract_in_file.write, op_versions.minimum),
    ".onnx": Format("keras_seqattn.edge.onnx.convert", convert.PRECISIONS, convert.write,
                    convert.minimum),
}


class ExportError(RuntimeError):
    """The model could not be converted, or its file failed verification."""


def export(model, path, precision="dynamic_wi8_afp32", *, calibration=None, labels=None,
           inputs=None, targets=None, mean=127.5, std=127.5, image_input="float32",
           attention=False, licence=None, fold=True, force=False, tokenizer=None, beam_width=4):
    """Writes a Keras model as a file that is verified before it gets its name.

    The model is folded exactly (`fold`), so that less is computed and less lost by quantisation.
    The file has static shapes with a batch of 1, named inputs and outputs, builtin ops only, and
    carries its labels and normalisation; the same contract lies beside it as `.json`. A model under
    mixed precision is exported from a float32 copy.

    Args:
        model: Built `keras.Model` with known input sizes, on the TensorFlow backend.
        path: Path of the file; `.tflite`, or `.onnx` for ONNX Runtime.
        precision: A key of `PRECISIONS`; `.onnx` files have float32 and dynamic_wi8_afp32.
        calibration: 32 to 512 examples as the model takes them, `(n, …)` or a dictionary of them,
            or a SOURCE whose training images are used. Needed where activations have fixed
            ranges; the other quantised precisions round their weights better with it.
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
        fold: Whether to fold the model; `"rotate"` also rotates its residual stream, `"balance"`
            evens out the features between norms and dense layers by the calibration examples, for
            models whose features differ by orders of magnitude.
        force: Whether to keep a file that fails verification, as `path` + `.rejected`.
        tokenizer: `data.tokenizer.Tokenizer` of a `models.Generator`, which leaves with the
            signatures `encode`, `decode_step`, `greedy` and `beam`, unfolded, in a precision of
            `precisions.WRITER_PRECISIONS`.
        beam_width: Width of the signature `beam`.

    Returns:
        `Report` on the file.

    Raises:
        ValueError: unknown precision, unknown input sizes, labels that are not one per class,
            unfit calibration, another backend than TensorFlow, or a path that cannot be written.
        ExportError: the conversion failed, or the file does not do what the model does.
    """
    path = pathlib.Path(path)
    if hasattr(model, "step") and hasattr(model, "start"):
        return _export_generator(model, path, precision, force, tokenizer=tokenizer, inputs=inputs,
                                 beam_width=beam_width, mean=mean, std=std, licence=licence)
    _check(model, path, precision, image_input, labels)
    if fold not in FOLDS or (fold == "balance" and calibration is None):
        raise ValueError(explain(
            "`fold` must be True, False, 'rotate', or 'balance' with calibration", fold=fold,
            calibration=None if calibration is None else "given", fix="leave fold=True"))
    from keras_seqattn.edge.fold import fold as folding
    from keras_seqattn.edge.fold import smooth_quant
    from keras_seqattn.edge.graph import ports
    from keras_seqattn.edge.lower.walk import lower
    from keras_seqattn.edge.tflite.converter import saved_model

    model = float32_copy(model)
    examples = choose(model, calibration, precision)
    if inputs is None and examples is not None:  # noise would leave the ranges of real inputs
        inputs = {name: array[:VERIFIED] for name, array in examples.items()}
        inputs = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    graph, specs = lower(model, fuse=path.suffix == ".tflite"), _input_specs(model)
    if attention:
        ports.attention_map(graph)
    if fold:
        folding.fold(graph, rotate=fold == "rotate")
    if fold == "balance":
        smooth_quant.balance_norms(graph, smooth_quant.feature_ranges(graph, examples))
    if image_input == "uint8":
        ports.check_image(model)
        ports.take_pixels(graph, mean, std)
        specs = _input_specs(model, "uint8")
        examples = examples and ports.as_pixels(examples, mean, std)
    check_size(graph.num_bytes())
    form = FORMATS[path.suffix]
    with whole(path) as temporary, tempfile.TemporaryDirectory() as folder:
        try:
            saved_model.write(graph, specs, folder)
            notes = graph.notes
            del graph
            process.give_back()  # the graph's weights; the converter needs several times as much
            _convert(model, form, folder, temporary, precision, examples)
            contract = contracts.describe(
                backend(temporary), name=path.stem, precision=precision, labels=labels, mean=mean,
                std=std, licence=licence, minimum_runtime=form.minimum(temporary))
            form.write(temporary, contract)
        except OSError as error:
            raise ExportError(explain(
                "the file, and what is made on the way, must fit on the disk", file=str(path),
                scratch=folder, error=str(error),
                fix="free space, or name another folder in TMPDIR")) from error
        report = verify(temporary, model, inputs, targets, mean=mean, std=std)
        report.file, report.notes = str(path), [*notes, *report.notes]
        if not report.holds:
            _reject(report, temporary, path, force)
    contracts.write_beside(path, contract)
    return report


def _export_generator(model, path, precision, force, **options):
    from keras_seqattn.edge import generator

    _check_place(path, precision, WRITER_PRECISIONS)
    if path.suffix != ".tflite":
        raise ValueError(explain("a model that writes sequences leaves as .tflite",
                                 path=str(path), fix="change the suffix"))
    tokenizer = options.pop("tokenizer")
    with whole(path) as temporary:
        report, contract = generator.write(
            model, temporary, precision, tokenizer,
            lambda folder, out: _convert(
                model, FORMATS[path.suffix], folder, out, precision, None), **options)
        report.file = str(path)
        if not report.holds:
            _reject(report, temporary, path, force)
    contracts.write_beside(path, contract)
    return report


def _reject(report, temporary, path, force):
    """Refuses a file that failed; with `force` it stays under a name that says so."""
    kept = "no file was written"
    if force:
        rejected = path.with_name(f"{path.name}.rejected")
        os.replace(temporary, rejected)
        kept = f"the file lies at {rejected}"
    raise ExportError(explain(
        "the exported file must do what the model does", file=str(path),
        precision=report.precision, failures=report.failures, fix=f"see the failures; {kept}"))


def _check_place(path, precision, known=None):
    import keras

    if path.suffix not in FORMATS:
        raise ValueError(explain("the suffix of `path` must be that of a known format",
                                 path=str(path), fix=nearest(path.suffix, FORMATS)))
    known = FORMATS[path.suffix].precisions if known is None else known
    if precision not in known:
        raise ValueError(explain("`precision` is not known", precision=precision,
                                 fix=nearest(precision, known)))
    if keras.backend.backend() != "tensorflow":
        raise ValueError(explain(
            "export needs Keras on TensorFlow", backend=keras.backend.backend(),
            fix="save the model as .keras and export it with KERAS_BACKEND=tensorflow"))


def _check(model, path, precision, image_input, labels):
    _check_place(path, precision)
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


def _input_specs(model, dtype=None):
    import keras

    return [keras.InputSpec(shape=(1, *each.shape[1:]), dtype=dtype or each.dtype, name=each.name)
            for each in model.inputs]


def _convert(model, form, saved_model, out, precision, examples):
    arguments = [saved_model, out, precision]
    if examples is not None:
        arguments.append(pathlib.Path(saved_model) / "examples.npz")
        np.savez(arguments[-1], **examples)
    result = process.run(form.module, *arguments)
    if result.returncode or not out.exists():
        from keras_seqattn.edge.tflite.converter import culprit

        found = culprit.find(model, result.stderr)
        last = [line for line in result.stderr.splitlines() if line.strip()][-3:]
        raise ExportError(explain(
            f"the converter must be able to express the model in {out.suffix} ops",
            cannot=culprit.describe(found) or None, exit_code=result.returncode, last_lines=last,
            fix=culprit.advice(found) if found else "see the last lines"))
