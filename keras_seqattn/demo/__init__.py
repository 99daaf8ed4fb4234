"""The whole road in one call: train, export, verify, classify, report."""

import json
import shutil

import numpy as np

from keras_seqattn import data, edge, training
from keras_seqattn.data.batches import scale
from keras_seqattn.demo.report import write_html
from keras_seqattn.errors import explain
from keras_seqattn.files import output_folder, whole

SHOWN = 3
PRECISIONS = ("float32", "dynamic_wi8_afp32", "static_wi8_ai8")


def run(out, recipe="demo", overrides=(), tell=print):
    """Trains a recipe, takes it to the edge and writes down what came of it.

    The folder then holds the run folder of `training.fit`, `vit_PRECISION.tflite` for each
    of `PRECISIONS`, `images/` with test images to classify, `report.json` and `report.html`.

    Args:
        out: Folder for the results.
        recipe: Recipe as for `training.read`.
        overrides: Texts `section.field=value`.
        tell: Function that shows a line of progress.

    Returns:
        The report as a dictionary: `data`, `train`, `keras`, `edge`.

    Raises:
        ValueError: the recipe is wrong or the folder cannot be written.
        edge.ExportError: an export does not do what the trained model does.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(explain(
            "the demo exports to TFLite, which needs Keras on TensorFlow",
            backend=keras.backend.backend(), fix="set KERAS_BACKEND=tensorflow"))
    recipe = training.read(recipe, overrides)
    out = output_folder(out)
    tell(f"Training {recipe.model.size} ViT on {recipe.data.source}")
    shutil.rmtree(out / "states", ignore_errors=True)  # a demo always starts anew
    trained = training.fit(recipe, out)
    test = data.load(recipe.data.source, "test", recipe.model.image_shape)
    inputs = scale(test.images)
    logits = trained.model.predict(inputs, batch_size=250, verbose=0)
    accuracy = float(np.mean(logits.argmax(-1) == test.labels))
    tell(f"Accuracy on {len(test.labels)} test images: {accuracy:.3f}")
    reports = []
    for precision in PRECISIONS:
        file = out / f"vit_{precision}.tflite"
        tell(f"Exporting and verifying {file}")
        reports.append(edge.export(
            trained.model, file, precision, labels=trained.classes, inputs=inputs,
            targets=test.labels, calibration=recipe.data.source))
    latencies = edge.benchmark([each.file for each in reports], runs=200)
    for each, latency in zip(reports, latencies, strict=True):
        each.latency = latency
    classified = _classify(out, test, reports[-1].file)
    for name, truth, ranked in classified:
        tell(f"{name} ({truth}): " + ", ".join(f"{label} {share:.0%}" for label, share in ranked))
    report = {
        "data": {
            "source": recipe.data.source, "classes": list(trained.classes),
            "test_examples": len(test.labels), "image_shape": list(recipe.model.image_shape)},
        "train": {
            "seconds": trained.seconds, "epochs": recipe.train.epochs,
            "examples_per_s": trained.examples_per_s, "history": trained.history,
            "recipe": recipe.model_dump(mode="json"),
            "parameters": trained.model.count_params()},
        "keras": {"accuracy": accuracy},
        "edge": [each.to_dict() for each in reports],
    }
    with whole(out / "report.json") as path:
        path.write_text(json.dumps(report, indent=1, default=float), encoding="utf-8")
    write_html(out / "report.html", report, trained.model, test, logits, classified)
    tell(f"Report: {out / 'report.html'}")
    return report


def _classify(out, test, file):
    """Writes a test image of each of the first classes as a file and lets the device name it."""
    from PIL import Image

    folder = output_folder(out / "images")
    runner = edge.load(file)
    results = []
    for label in range(min(SHOWN, len(test.classes))):
        index = int(np.flatnonzero(test.labels == label)[0])
        path = folder / f"{test.classes[label]}.png"
        with whole(path) as temporary:
            Image.fromarray(test.images[index]).save(temporary)
        results.append((path.name, test.classes[label], runner.classify(path, top=3)))
    return results
