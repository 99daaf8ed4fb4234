"""Image classifiers from a recipe: data, model, optimizer, loss and metric."""

import keras
import numpy as np

from keras_seqattn import data, models
from keras_seqattn.data.batches import Batches
from keras_seqattn.errors import explain
from keras_seqattn.files import whole
from keras_seqattn.training.optimizer.optimizer import make
from keras_seqattn.training.tasks import transfer


def load(recipe, skip_bad=False):
    """Loads the examples of a recipe.

    Args:
        recipe: `Recipe`.
        skip_bad: Whether to leave unreadable pictures out, and count them.

    Returns:
        Examples as of `data.load`: for training; for validation, or `None`.
    """
    source, shape = recipe.data.source, recipe.model.image_shape
    examples = data.load(source, recipe.data.split, shape, skip_bad=skip_bad)
    if recipe.data.validation == "split":
        return examples, data.load(source, "validation", shape, skip_bad=skip_bad)
    return split(examples, recipe.data.validation, recipe.train.seed)


def split(examples, share, seed):
    """Cuts a share of the examples off for validation, chosen by the seed.

    Args:
        examples: What `data.load` returns.
        share: Share to cut off, in `[0, 1)`.
        seed: Seed of the choice.

    Returns:
        Examples for training; for validation, or `None` if the share holds none.
    """
    order = np.random.default_rng(seed).permutation(len(examples))
    count = int(len(order) * share)
    if not count:
        return examples, None
    return examples.take(np.sort(order[count:])), examples.take(np.sort(order[:count]))


def pixel_statistics(examples, limit=10_000):
    """Mean and deviation of each channel, as `models.vit` takes them.

    Args:
        examples: What `data.load` returns.
        limit: Number of examples, from the first on, that are looked at.

    Returns:
        `{"pixel_mean", "pixel_std"}`, each a list of floats per channel, on the scale `[-1, 1]`.
    """
    count = min(limit, len(examples))
    sums, squares = 0.0, 0.0
    for start in range(0, count, 500):
        images, _ = examples.read(np.arange(start, min(start + 500, count)))
        pixels = images.astype("float64") / 127.5 - 1.0
        sums = sums + pixels.mean(axis=(1, 2)).sum(axis=0)
        squares = squares + np.square(pixels).mean(axis=(1, 2)).sum(axis=0)
    mean = sums / count
    std = np.sqrt(np.maximum(squares / count - mean ** 2, 0.0))
    return {"pixel_mean": mean.tolist(), "pixel_std": np.maximum(std, 1e-3).tolist()}


def build(recipe, examples):
    """Builds the model of a recipe, from fresh or trained weights, and says what of it trains.

    A model that starts from another standardises its images as that one does.

    Args:
        recipe: `Recipe`.
        examples: Training examples.

    Returns:
        `keras.Model`, not compiled.

    Raises:
        ValueError: the model to start from does not fit, a name in `freeze` matches nothing.
    """
    settings = recipe.train
    source = None if settings.start is None else models.load(settings.start)
    if source is not None:
        statistics = models.pixel_statistics(source)
    else:
        statistics = pixel_statistics(examples) if recipe.data.standardise else {}
    model = recipe.model.build(len(examples.classes), seed=settings.seed, **statistics)
    if source is not None:
        transfer.transfer(source, model)
    if recipe.model.architecture in ("vit", "trained") and recipe.model.rematerialise:
        rematerialise(model)
    transfer.freeze(model, settings.freeze)
    if settings.lora_rank is not None:
        transfer.enable_lora(model, settings.lora_rank)
    return model


def rematerialise(model):
    """Computes the blocks again for the gradient in place of keeping their activations.

    `keras.RematScope` cannot: on TensorFlow its layers take no keyword, such as `training`.

    Args:
        model: `keras.Model` with layers `block_0` … `block_{L-1}`; changes in place.

    Raises:
        ValueError: a block has dropout.
    """
    for layer in model.layers:
        if layer.name.startswith("block_"):
            shares = (layer.dropout, layer.attention_dropout, layer.drop_path)
            if any(shares):
                raise ValueError(explain(
                    "`rematerialise` needs blocks without dropout, which would be drawn anew",
                    block=layer.name, shares=shares, fix="set the dropouts and drop_path to 0"))
            layer.call = _again(layer.call)


def _again(call):
    def call_again(inputs, **keywords):
        return keras.remat(lambda x: call(x, **keywords))(inputs)
    return call_again


def compile_model(model, settings, num_steps):
    """Gives a classifier its optimizer, loss and metric.

    Args:
        model: `keras.Model` that returns logits.
        settings: The recipe's `TrainSection`.
        num_steps: Steps of the whole training.
    """
    model.compile(
        make(model, settings, num_steps),
        keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=settings.label_smoothing),
        weighted_metrics=[Accuracy(name="accuracy")], jit_compile=settings.xla)


def build_state(model, batch):
    """Makes every variable of a compiled model: optimizer, loss and metrics included.

    Args:
        model: `keras.Model`.
        batch: One batch: images, labels, weights.
    """
    model._symbolic_build(data_batch=batch)
    model.optimizer.build(model.trainable_variables)


def batches(recipe, examples, training=True, step=0, share=(0, 1)):
    """The batches of a recipe, as of `data.batches.Batches`.

    Args:
        recipe: `Recipe`.
        examples: As of `load`.
        training: Whether they are shuffled, augmented and without end.
        step: Step of the first batch.
        share: `(index, count)`: which share of each batch is made.
    """
    settings = recipe.train
    if not training:
        return Batches(examples, settings.batch_size, share=share)
    return Batches(examples, settings.batch_size, recipe.data.augment, settings.seed, step, share)


def finish(recipe, examples, model, out):
    """Writes what is needed to use a model: `labels.txt`.

    Args:
        recipe: `Recipe`.
        examples: Those it was trained on.
        model: `keras.Model`.
        out: The run folder.

    Returns:
        The sections `model` and `data` of the card.
    """
    with whole(out / "labels.txt") as path:
        path.write_text("\n".join(examples.classes) + "\n", encoding="utf-8")
    return {
        "model": {"parameters": model.count_params(), **recipe.model.model_dump(
            mode="json", include={"size", "weights", "sha256", "image_shape"})},
        "data": {"source": recipe.data.source, "training_examples": len(examples),
                 "skipped": examples.skipped, "classes": list(examples.classes)}}


@keras.saving.register_keras_serializable(package="keras_seqattn")
class Accuracy(keras.metrics.CategoricalAccuracy):
    """Share of right answers, each example of any weight above 0 counted once."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            sample_weight = keras.ops.cast(sample_weight > 0, self.dtype)
        return super().update_state(y_true, y_pred, sample_weight)
