"""Accuracy of exported files: every precision, folded and not, beside two quantisers' defaults.

    python benchmarks/edge_accuracy.py [--packs FOLDER] [--models vit_eurosat vit_flowers]

`drop` is in points against the Keras model on the test split (which chose nothing: calibration
takes training images), `agree` the share of test images with the same first class, `KL` the mean
divergence of the class probabilities. FOLDER holds the packs that the models' recipes name.
"""

import argparse
import pathlib
import tempfile

import keras
import numpy as np

from keras_seqattn import data, edge, models, trained, training
from keras_seqattn.data.batches import scale

CALIBRATION = 128
DEFAULTS = ("dynamic_wi8_afp32", "dynamic_wi4_afp32", "static_wi8_ai8", "static_wi8_ai16")


def sets(name, packs):
    """Model, calibration images, test images and labels."""
    model = models.load(name)
    recipe = training.read(trained.FOLDER / name / "recipe.yaml")
    _, _, pack = recipe.data.source.partition(":")
    source = f"pack:{next(pathlib.Path(packs).rglob(pack))}"
    train, test = (data.load(source, split, model.input_shape[1:]) for split in ("train", "test"))
    chosen = np.linspace(0, len(train) - 1, CALIBRATION).astype(int)
    images, labels = test.read(np.arange(len(test)))
    return model, scale(train.read(chosen)[0]), scale(images), labels


def signature(model):
    """One image, under its name."""
    return [keras.InputSpec(shape=(1, *model.input_shape[1:]), dtype="float32", name="images")]


def aeq_default(exact, precision, examples, out):
    """AI Edge Quantizer's own recipe, with its own calibration."""
    from ai_edge_quantizer import quantizer, recipe

    quantize = quantizer.Quantizer(str(exact), getattr(recipe, precision)())
    calibration = None
    if quantize.need_calibration:
        calibration = quantize.calibrate(
            {"serving_default": [{"images": image[None]} for image in examples]}, num_threads=2)
    out.unlink(missing_ok=True)
    quantize.quantize(calibration, str(out), enable_progress_report=False)


def tflite_default(model, examples, out):
    """TensorFlow's converter with a representative data set: int8 where it can."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(
            "serving_default", lambda images: model(images, training=False),
            input_signature=signature(model))
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in examples)
        out.write_bytes(converter.convert())


def row(title, file, images, labels, expected):
    """Measures one file and prints its line."""
    logits = edge.load(file)(images)

    def log_shares(x):
        x = x.astype("float64")
        x = x - x.max(axis=-1, keepdims=True)
        return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))

    truth, said = log_shares(expected), log_shares(logits)
    divergence = (np.exp(truth) * (truth - said)).sum(axis=-1).mean()
    accuracy = np.mean(logits.argmax(-1) == labels)
    drop = 100 * (np.mean(expected.argmax(-1) == labels) - accuracy)
    agreement = np.mean(logits.argmax(-1) == expected.argmax(-1))
    print(f"{title:36} {file.stat().st_size:10,} {accuracy:9.4f} {drop:+7.2f} {agreement:7.4f} "
          f"{divergence:9.5f}", flush=True)


def main(names, packs):
    """Prints one table per model."""
    for name in names:
        model, examples, images, labels = sets(name, packs)
        expected = model.predict(images, batch_size=250, verbose=0)
        print(f"{name}: Keras {np.mean(expected.argmax(-1) == labels):.4f} on {len(labels)} "
              f"test images, {CALIBRATION} training images to calibrate")
        print(f"{'file':36} {'bytes':>10} {'accuracy':>9} {'drop':>7} {'agree':>7} {'KL':>9}")
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for fold in (True, False):
                for precision in edge.PRECISIONS:
                    title = precision if fold else f"{precision}, not folded"
                    file = folder / f"{title}.tflite"
                    edge.export(model, file, precision, calibration=examples, fold=fold)
                    row(title, file, images, labels, expected)
            exact, out = folder / "keras.tflite", folder / "default.tflite"
            model.export(str(exact), format="litert", verbose=False,
                         input_signature=signature(model))
            for precision in DEFAULTS:
                aeq_default(exact, precision, examples, out)
                row(f"AEQ default {precision}", out, images, labels, expected)
            tflite_default(model, examples, out)
            row("tf.lite default int8", out, images, labels, expected)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packs", default=".", help="folder with the packs of the recipes")
    parser.add_argument("--models", nargs="+", default=["vit_eurosat", "vit_flowers"])
    arguments = parser.parse_args()
    main(arguments.models, arguments.packs)
