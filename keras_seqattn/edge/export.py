"""From a Keras model to a verified `.tflite` file."""

import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from keras_seqattn.edge import calibrate, metadata
from keras_seqattn.edge.precision import float32_copy
from keras_seqattn.edge.precisions import PRECISIONS
from keras_seqattn.edge.verify import verify
from keras_seqattn.errors import explain, nearest
from keras_seqattn.files import whole

IMAGE_INPUTS = ("float32", "uint8")


class ExportError(RuntimeError):
    """The model could not be converted, or its file failed verification; nothing was written."""


def export(model, path, precision="dynamic_wi8_afp32", *, calibration=None, labels=None,
           inputs=None, targets=None, mean=127.5, std=127.5, image_input="float32",
           attention=False, licence=None, fold=True, force=False):
    """Writes a Keras model as a `.tflite` file that is verified before it gets its name.

    The model is folded exactly (`fold`), so that less is computed and less lost by quantisation.
    The file has static shapes with a batch of 1, named inputs and outputs, builtin ops only, and
    carries its labels and normalisation; the same contract lies beside it as `.json`. A model under
    mixed precision is exported from a float32 copy.

    Args:
        model: Built `keras.Model` with known input sizes, on the TensorFlow backend.
        path: Path of the file.
        precision: A key of `PRECISIONS`.
        calibration: 32 to 512 examples as the model takes them, `(n, …)` or a dictionary of them,
            or a SOURCE whose training images are used. Needed where activations have fixed
            ranges; the other quantised precisions round their weights better with it.
        labels: Names of the classes, written into the file.
        inputs: Examples to verify with, `(n, …)`. Defaults to 8 random ones.
        targets: Integer classes of `inputs`, `(n,)`, to measure accuracy.
        mean: Subtracted from 8-bit pixels before they enter the model; written into the file.
        std: Divides what remains; written into the file.
        image_input: `"uint8"` for a file that takes pixels 0 to 255 and scales them itself.
        attention: Whether the file has a second output `attention`, `(1, GH, GW)`: the share of
            the last block's attention that each patch of the image receives.
        licence: Text on the licence of model and data, written into the file.
        fold: Whether to fold the model; `"rotate"` also rotates its residual stream.
        force: Whether to keep a file that fails verification, as `path` + `.rejected`.

    Returns:
        `Report` on the file.

    Raises:
        ValueError: unknown precision, unknown input sizes, labels that are not one per class,
            unfit calibration, another backend than TensorFlow, or a path that cannot be written.
        ExportError: the conversion failed, or the file does not do what the model does.
    """
    _check(model, precision, image_input, labels)
    from keras_seqattn.edge import ports, saved
    from keras_seqattn.edge.fold import fold as fold_graph
    from keras_seqattn.edge.lower import lower

    model = float32_copy(model)
    examples = calibrate.choose(model, calibration, precision)
    graph, specs, reference = lower(model), _input_specs(model), model
    if attention:
        ports.attention_map(graph)
    if fold:
        fold_graph(graph, rotate=fold == "rotate")
    if image_input == "uint8":
        ports.check_image(model)
        ports.take_pixels(graph, mean, std)
        specs = _input_specs(model, "uint8")
        reference = ports.from_pixels(model, mean, std)
        inputs = None if inputs is None else ports.as_pixels(inputs, mean, std)
        examples = examples and {
            name: ports.as_pixels(array, mean, std) for name, array in examples.items()}
    with whole(path) as temporary, tempfile.TemporaryDirectory() as folder:
        saved.write(graph, specs, folder)
        _convert(folder, temporary, precision, examples)
        metadata.write(temporary, {
            "precision": precision, "mean": mean, "std": std,
            "labels": None if labels is None else list(labels)})
        report = verify(temporary, reference, inputs, targets)
        report.file = str(path)
        if not report.holds:
            raise ExportError(explain(
                "the exported file must do what the model does", file=str(path),
                precision=precision, failures=report.failures,
                fix="see the failures; no file was written"))
    return report


def _check(model, precision, image_input, labels):
    import keras

    for name, value, known in (("precision", precision, PRECISIONS),
                               ("image_input", image_input, IMAGE_INPUTS)):
        if value not in known:
            raise ValueError(explain(f"`{name}` is not known", **{name: value},
                                     fix=nearest(value, known)))
    if keras.backend.backend() != "tensorflow":
        raise ValueError(explain(
            "export needs Keras on TensorFlow", backend=keras.backend.backend(),
            fix="save the model as .keras and export it with KERAS_BACKEND=tensorflow"))
    shapes = [tuple(each.shape) for each in getattr(model, "inputs", None) or ()]
    if not shapes or any(None in shape[1:] for shape in shapes):
        raise ValueError(explain(
            "the sizes of the model's inputs must be known, but for the batch",
            input_shapes=shapes, fix="build the model with keras.Input of a fixed shape"))
    if labels is not None and len(labels) != model.output_shape[-1]:
        raise ValueError(explain(
            "`labels` must name every class of the model", labels=list(labels),
            num_classes=model.output_shape[-1], fix="pass one name per logit, in order"))


def _input_specs(model, dtype=None):
    import keras

    return [keras.InputSpec(shape=(1, *each.shape[1:]), dtype=dtype or each.dtype, name=each.name)
            for each in model.inputs]


def _convert(saved_model, out, precision, examples):
    package_parent = str(pathlib.Path(__file__).parents[2])
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    arguments = [saved_model, str(out), precision]
    if examples is not None:
        arguments.append(str(pathlib.Path(saved_model) / "examples.npz"))
        np.savez(arguments[-1], **examples)
    result = subprocess.run(
        [sys.executable, "-m", "keras_seqattn.edge.convert", *arguments],
        capture_output=True, text=True, check=False, env={
            **os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1"})
    if result.returncode or not out.exists():
        last = [line for line in result.stderr.splitlines() if line.strip()][-3:]
        raise ExportError(explain(
            "TensorFlow's converter must be able to express the model in builtin ops",
            exit_code=result.returncode, last_lines=last,
            fix="replace the layer it names"))
