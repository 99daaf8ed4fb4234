"""Exported files in MediaPipe Tasks, an implementation that we did not write."""

import importlib.util
import io
import pathlib
import sys

import keras
import numpy as np
import pytest
from converted import converted
from PIL import Image

from keras_seqattn import edge, models
from keras_seqattn.edge import formats
from keras_seqattn.edge.contract.contract import describe
from keras_seqattn.edge.contract.outputs import decide
from keras_seqattn.edge.tflite import contract_in_file, metadata_tables, reader, runtimes

mediapipe = pytest.importorskip("mediapipe", reason="mediapipe is not installed")
pytestmark = pytest.mark.edge
SHAPE = (24, 16, 3)
LABELS = ["Äpfel", "b c", "d", "e", "f", "g", "h"]
KINDS = ("float32", "dynamic_wi8_afp32", "static, floats outside", "static, pixels outside",
         "float32, pixels outside")


def _integers(path, outside):
    """Every op in int8, by TensorFlow's quantiser."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(path.with_suffix("")))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    draw = np.random.default_rng(1)
    converter.representative_dataset = lambda: (
        [draw.uniform(-1, 1, size=(1, *SHAPE)).astype("float32")] for _ in range(11))
    converter.inference_input_type = getattr(tf, outside)
    path.write_bytes(converter.convert())


@pytest.fixture(scope="module", params=KINDS)
def file(request, tmp_path_factory):
    model = models.vit("nano", 8, SHAPE, len(LABELS), num_layers=1, mlp_dim=67)
    rng = np.random.default_rng(3)
    model.set_weights([
        np.full(w.shape, float(w.name == "gamma")) if len(w.shape) == 1 else
        rng.normal(scale=1 / np.sqrt(w.shape[0]), size=w.shape) for w in model.weights])
    path = tmp_path_factory.mktemp("mediapipe") / "vit.tflite"
    if request.param == "float32, pixels outside":
        pixels = keras.Input(SHAPE, name="images", dtype="uint8")
        model = keras.Model(pixels, model(keras.layers.Rescaling(1 / 127.5, -1)(pixels)))
    converted(model, path, "dynamic_wi8_afp32" if "dynamic" in request.param else "float32")
    if "static" in request.param:
        _integers(path, "uint8" if "pixels" in request.param else "float32")
    session = formats.of(path).session(path)
    contract_in_file.write(path, describe(
        session, name="vit", precision=request.param, licence="CC-BY-4.0",
        outputs=decide(session.outputs, labels=LABELS),
        minimum_runtime=runtimes.minimum(path)))
    return path


def test_mediapipe_ranks_the_same_labels(file):
    from mediapipe.tasks.python import BaseOptions, vision

    runner = edge.load(file)
    options = vision.ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=str(file)), max_results=5)
    answers = set()
    with vision.ImageClassifier.create_from_options(options) as classifier:
        for seed in range(7):
            colours = np.random.default_rng(seed).integers(0, 256, size=(3, 2, 3), dtype="uint8")
            pixels = colours.repeat(8, axis=0).repeat(8, axis=1)
            picture = io.BytesIO()
            Image.fromarray(pixels).save(picture, "PNG")
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
            (theirs,) = classifier.classify(image).classifications
            ours = dict(runner.classify(picture.getvalue(), top=5))
            names = [each.category_name for each in theirs.categories]
            # Logits in whole steps may be equal; their order is then anybody's.
            assert [ours.get(name) for name in names] == list(ours.values())
            answers.add(tuple(names))
    assert len(answers) > 1


def test_mediapipes_tables_read_what_was_written(file):
    """The schema's own generated code."""
    schema = _schema()
    read = reader.read(file)
    content = read.data(read.metadata[metadata_tables.NAME]).tobytes()
    assert schema.ModelMetadata.ModelMetadataBufferHasIdentifier(content, 0)
    read = schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(content))
    (subgraph,) = read.subgraphMetadata
    (image,), (logits,) = subgraph.inputTensorMetadata, subgraph.outputTensorMetadata
    assert (read.name, read.license, read.minParserVersion) == (b"vit", b"CC-BY-4.0", b"1.0.0")
    assert image.content.contentPropertiesType == schema.ContentProperties.ImageProperties
    assert image.content.contentProperties.colorSpace == schema.ColorSpaceType.RGB
    contract = contract_in_file.read(file)
    assert image.name.decode() == contract["inputs"][0]["name"]
    assert logits.name.decode() == contract["outputs"][0]["name"]
    if contract["inputs"][0]["dtype"] == "uint8":
        assert image.processUnits is None
    else:
        (unit,) = image.processUnits
        assert unit.optionsType == schema.ProcessUnitOptions.NormalizationOptions
        assert (unit.options.mean, unit.options.std) == ([127.5], [127.5])
    (labels,) = logits.associatedFiles
    assert labels.name == b"labels.txt"
    assert labels.type == schema.AssociatedFileType.TENSOR_AXIS_LABELS


def _schema():
    """The schema's module; the package that holds it is shadowed by another of its name."""
    folder = pathlib.Path(mediapipe.__file__).parent / "tasks" / "metadata"
    name = "metadata_schema_py_generated"
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
