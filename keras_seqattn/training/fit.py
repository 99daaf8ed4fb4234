"""Training a recipe with `model.fit`, from fresh weights to a run folder."""

import importlib.util
import sys
import time
import typing

import keras
import numpy as np
import yaml

from keras_seqattn import data
from keras_seqattn.data.batches import Batches
from keras_seqattn.files import output_folder, whole

# Names of the weights that decay would only harm: they do not multiply features.
UNDECAYED = {"bias", "gamma", "beta", "embeddings", "token"}


class Run(typing.NamedTuple):
    """What a training run leaves.

    Attributes:
        model: The `keras.Model` with the weights of the best epoch.
        classes: Names of the classes, in the order of the logits.
        history: Name of each curve to its values, one per epoch.
        seconds: Duration of `model.fit`.
        images_per_s: Training images per second over the whole of it, validation included.
    """

    model: keras.Model
    classes: tuple
    history: dict
    seconds: float
    images_per_s: float


def fit(recipe, out):
    """Trains a recipe and writes a run folder.

    The folder then holds `model.keras` (best epoch by validation loss, no optimizer),
    `labels.txt`, `recipe.yaml`, `history.csv` and, where TensorBoard is installed, its logs.

    Args:
        recipe: `Recipe`.
        out: Folder of the run.

    Returns:
        `Run`.

    Raises:
        ValueError: the data cannot be loaded or the folder not written.
    """
    out = output_folder(out)
    settings = recipe.train
    keras.utils.set_random_seed(settings.seed)
    examples = data.load(recipe.data.source, "train", recipe.model.image_shape)
    training, validation = split(examples, recipe.data.validation, settings.seed)
    batches = Batches(training, settings.batch_size, recipe.data.augment, settings.seed)
    statistics = pixel_statistics(training.images) if recipe.data.standardise else {}
    model = recipe.model.build(len(examples.classes), seed=settings.seed, **statistics)
    compile_model(model, settings, num_steps=len(batches) * settings.epochs)
    best = out / "best.weights.h5"
    watch = "val_loss" if len(validation.labels) else "loss"
    callbacks = [
        keras.callbacks.ModelCheckpoint(best, watch, save_best_only=True, save_weights_only=True),
        keras.callbacks.CSVLogger(out / "history.csv"),
    ]
    if importlib.util.find_spec("tensorboard") and importlib.util.find_spec("tensorflow"):
        callbacks.append(keras.callbacks.TensorBoard(out / "logs"))
    start = time.perf_counter()
    history = model.fit(
        batches, epochs=settings.epochs, callbacks=callbacks,
        validation_data=Batches(validation, 250) if len(validation.labels) else None,
        verbose=1 if sys.stdout.isatty() else 2)
    seconds = time.perf_counter() - start
    model.load_weights(best)
    best.unlink()
    save(model, recipe, examples.classes, out)
    images_per_s = len(training.labels) * settings.epochs / seconds
    return Run(model, examples.classes, history.history, seconds, images_per_s)


def split(examples, share, seed):
    """Cuts a share of the examples off for validation, chosen by the seed.

    Args:
        examples: `LabelledImages`.
        share: Share to cut off, in `[0, 1)`.
        seed: Seed of the choice.

    Returns:
        Two `LabelledImages`: for training, for validation.
    """
    order = np.random.default_rng(seed).permutation(len(examples.labels))
    count = int(len(order) * share)
    return examples.take(np.sort(order[count:])), examples.take(np.sort(order[:count]))


def pixel_statistics(images):
    """Mean and deviation of each channel of 8-bit images, as `models.vit` takes them.

    Args:
        images: NumPy uint8, `(n, height, width, channels)`.

    Returns:
        `{"pixel_mean", "pixel_std"}`, each a list of floats per channel, on the scale `[-1, 1]`.
    """
    mean = images.mean(axis=(0, 1, 2)) / 127.5 - 1.0
    std = images.std(axis=(0, 1, 2)) / 127.5
    return {"pixel_mean": mean.tolist(), "pixel_std": np.maximum(std, 1e-3).tolist()}


def compile_model(model, settings, num_steps):
    """Gives a classifier its optimizer, loss and metric.

    Args:
        model: `keras.Model` that returns logits.
        settings: The recipe's `TrainSection`.
        num_steps: Steps of the whole training: the learning rate rises for their first `warmup`
            share and falls along half a cosine to zero at their last.
    """
    warmup_steps = int(num_steps * settings.warmup)
    learning_rate = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup_steps else settings.learning_rate, num_steps - warmup_steps,
        warmup_target=settings.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps)
    optimizer = keras.optimizers.AdamW(
        learning_rate, weight_decay=settings.weight_decay, beta_2=settings.beta_2,
        clipnorm=settings.clip_norm)
    optimizer.exclude_from_weight_decay(
        [weight for weight in model.trainable_weights if weight.name in UNDECAYED])
    model.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=settings.label_smoothing),
        metrics=["accuracy"])


def save(model, recipe, classes, out):
    """Writes model, labels and recipe into the run folder, each file whole or not at all."""
    with whole(out / "model.keras") as path:
        bare = type(model).from_config(model.get_config())
        bare.set_weights(model.get_weights())
        bare.save(path)
    with whole(out / "labels.txt") as path:
        path.write_text("\n".join(classes) + "\n", encoding="utf-8")
    with whole(out / "recipe.yaml") as path:
        path.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False),
                        encoding="utf-8")
