"""From a Keras model to a verified `.tflite` file."""

import os
import pathlib
import subprocess
import sys
import tempfile

from keras_seqattn.edge import metadata, runtimes
from keras_seqattn.edge.precision import float32_copy
from keras_seqattn.edge.run import backend
from keras_seqattn.edge.verify import verify
from keras_seqattn.errors import explain, nearest
from keras_seqattn.files import whole

PRECISIONS = ("float32", "dynamic_wi8_afp32")
SIGNATURE = "serving_default"


class ExportError(RuntimeError):
    """The model could not be converted, or its file failed verification; nothing was written."""


def export(model, path, precision="dynamic_wi8_afp32", *, labels=None, inputs=None, targets=None,
           mean=127.5, std=127.5):
    """Writes a Keras model as a `.tflite` file that is verified before it gets its name.

    The file has static shapes with a batch of 1, named inputs and outputs, builtin ops only, and
    carries its labels and normalisation. A model under mixed precision is exported from a float32
    copy.

    Args:
        model: Built `keras.Model` with known input sizes, on the TensorFlow backend.
        path: Path of the file.
        precision: `"float32"`, or `"dynamic_wi8_afp32"`: weights in int8, no calibration.
        labels: Names of the classes, written into the file.
        inputs: Examples to verify with, `(n, …)`. Defaults to 8 random ones.
        targets: Integer classes of `inputs`, `(n,)`, to measure accuracy.
        mean: Subtracted from 8-bit pixels before they enter the model; written into the file.
        std: Divides what remains; written into the file.

    Returns:
        `Report` on the file.

    Raises:
        ValueError: unknown precision, unknown input sizes, labels that are not one per class,
            another backend than TensorFlow, or a path that cannot be written.
        ExportError: the conversion failed, or the file does not do what the model does.
    """
    import keras

    if precision not in PRECISIONS:
        raise ValueError(explain("`precision` is not known", precision=precision,
                                 fix=nearest(precision, PRECISIONS)))
    if keras.backend.backend() != "tensorflow":
        raise ValueError(explain(
            "export needs Keras on TensorFlow", backend=keras.backend.backend(),
            fix="save the model as .keras and export it with KERAS_BACKEND=tensorflow"))
    _check_inputs(model)
    if labels is not None and len(labels) != model.output_shape[-1]:
        raise ValueError(explain(
            "`labels` must name every class of the model", labels=list(labels),
            num_classes=model.output_shape[-1], fix="pass one name per logit, in order"))
    model = float32_copy(model)
    with whole(path) as temporary, tempfile.TemporaryDirectory() as folder:
        _write_saved_model(model, folder)
        _convert(folder, temporary, precision)
        metadata.write(temporary, metadata.describe(
            backend(temporary), name=model.name, precision=precision, labels=labels, mean=mean,
            std=std, minimum_runtime=runtimes.minimum(temporary)))
        report = verify(temporary, model, inputs, targets)
        report.file = str(path)
        if not report.holds:
            raise ExportError(explain(
                "the exported file must do what the model does", file=str(path),
                precision=precision, failures=report.failures,
                fix="see the failures; no file was written"))
    return report


def _check_inputs(model):
    shapes = [tuple(each.shape) for each in getattr(model, "inputs", None) or ()]
    if not shapes or any(None in shape[1:] for shape in shapes):
        raise ValueError(explain(
            "the sizes of the model's inputs must be known, but for the batch",
            input_shapes=shapes, fix="build the model with keras.Input of a fixed shape"))


def _write_saved_model(model, folder):
    """Traces the model for one example, with named inputs and outputs."""
    import keras

    signature = [keras.InputSpec(shape=(1, *each.shape[1:]), dtype=each.dtype, name=each.name)
                 for each in model.inputs]

    def serve(*flat):
        outputs = model(keras.tree.pack_sequence_as(model.input, flat), training=False)
        names = sorted(outputs) if isinstance(outputs, dict) else model.output_names
        return dict(zip(names, keras.tree.flatten(outputs), strict=True))

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(SIGNATURE, serve, input_signature=signature)
    archive.write_out(folder, verbose=False)


def _convert(saved_model, out, precision):
    package_parent = str(pathlib.Path(__file__).parents[2])
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    result = subprocess.run(
        [sys.executable, "-m", "keras_seqattn.edge.convert", saved_model, str(out), precision],
        capture_output=True, text=True, check=False, env={
            **os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1"})
    if result.returncode or not out.exists():
        last = [line for line in result.stderr.splitlines() if line.strip()][-3:]
        raise ExportError(explain(
            "TensorFlow's converter must be able to express the model in builtin ops",
            exit_code=result.returncode, last_lines=last,
            fix="replace the layer it names"))
