"""The whole road in one call, from training to a report on verified files."""

import json
import os
import pathlib
import typing
from collections.abc import Callable, Sequence

import numpy as np

from keras_seqattn import data, edge, training
from keras_seqattn.data.batches import scale
from keras_seqattn.demo.report import write_html
from keras_seqattn.errors import explain
from keras_seqattn.files import output_folder, whole

SHOWN = 3
PRECISIONS = ("float32", "dynamic_wi8_afp32", "static_wi8_ai8")
# File name, class, and the classes that the file names with their probabilities.
Classified = tuple[str, str, list[tuple[str, float]]]


def run(out: os.PathLike[str] | str, recipe: str = "demo", overrides: Sequence[str] = (),
        tell: Callable[[str], typing.Any] = print, overwrite: bool = False
        ) -> dict[str, typing.Any]:
    """Trains a recipe, takes the model to the edge and writes down what came of it.

    The folder then holds:

    - the run folder of `training.fit`;
    - `vit_PRECISION.tflite` for each of `PRECISIONS`;
    - `images/` with test images to classify;
    - `report.json` and `report.html`.

    Args:
        out: Folder for the results.
        recipe: Recipe as for `training.read`.
        overrides: Texts `section.field=value`.
        tell: Function that shows a line of progress.
        overwrite: Whether to replace a run that the folder holds.

    Returns:
        The report under the keys `data`, `train`, `keras` and `edge`.

    Raises:
        ValueError: the recipe is wrong, or the folder holds a run or cannot be written.
        edge.ExportError: an export does not do what the trained model does.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(explain(
            "the demo exports to TFLite, which needs Keras on TensorFlow",
            backend=keras.backend.backend(), fix="set KERAS_BACKEND=tensorflow"))
    plan: training.Recipe = training.read(recipe, overrides)
    folder = output_folder(out)
    tell(f"Training {plan.model.size} ViT on {plan.data.source}")
    trained = training.fit(plan, folder, overwrite=overwrite)
    test = held_out(plan.data.source, plan.model.image_shape)
    logits = trained.model.predict(scale(test.images), batch_size=250, verbose=0)
    accuracy = float(np.mean(logits.argmax(-1) == test.labels))
    tell(f"Accuracy on {len(test.labels)} test images: {accuracy:.3f}")
    reports = _export(trained, folder, test, plan.data.source, tell)
    classified = _classify(folder, test, reports[-1].file)
    for name, truth, ranked in classified:
        tell(f"{name} ({truth}): " + ", ".join(f"{label} {share:.0%}" for label, share in ranked))
    report = {
        "data": {
            "source": plan.data.source, "classes": list(trained.classes),
            "test_examples": len(test.labels), "image_shape": list(plan.model.image_shape)},
        "train": {
            "seconds": trained.seconds, "epochs": plan.train.epochs,
            "examples_per_s": trained.examples_per_s, "history": trained.history,
            "recipe": plan.model_dump(mode="json"), "parameters": trained.model.count_params()},
        "keras": {"accuracy": accuracy},
        "edge": [each.to_dict() for each in reports],
    }
    with whole(folder / "report.json") as path:
        path.write_text(json.dumps(report, indent=1, default=float), encoding="utf-8")
    write_html(folder / "report.html", report, trained.model, test, logits, classified)
    tell(f"Report: {folder / 'report.html'}")
    return report


def held_out(source: str, image_shape: tuple[int, int, int]) -> data.LabelledImages:
    """The test images of a source, in memory wherever they are stored."""
    examples = data.load(source, "test", image_shape)
    return examples if isinstance(examples, data.LabelledImages) else examples.in_memory()


def _export(trained: training.Run, out: pathlib.Path, test: data.LabelledImages, source: str,
            tell: Callable[[str], typing.Any]) -> list[edge.Report]:
    """Exports and verifies a trained model in each of `PRECISIONS`; times all files in turn."""
    inputs, reports = scale(test.images), []
    for precision in PRECISIONS:
        file = out / f"vit_{precision}.tflite"
        tell(f"Exporting and verifying {file}")
        reports.append(edge.export(
            trained.model, file, precision, labels=trained.classes, inputs=inputs,
            targets=test.labels, calibration=source))
    latencies = edge.benchmark([each.file for each in reports], runs=200)
    for each, latency in zip(reports, latencies, strict=True):
        each.latency = latency
    return reports


def _classify(out: pathlib.Path, test: data.LabelledImages, file: str) -> list[Classified]:
    """Writes a test image of each of the first classes as a picture file and lets a file name it.

    Args:
        out: Folder of the results.
        test: The test images.
        file: The exported file.
    """
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
