"""Training of image classifiers, from fresh weights or from trained ones."""

import typing

import keras
import numpy as np

from keras_seqattn import data, models
from keras_seqattn.data.batches import Batches
from keras_seqattn.shapes import Tensor
from keras_seqattn.trained import LABELS
from keras_seqattn.training.tasks import transfer
from keras_seqattn.training.tasks.task import Sections, Task

COUNTED = 100_000   # examples whose classes are counted; a larger set would have to be read

Images: typing.TypeAlias = data.LabelledImages | data.StoredImages


class Classifier(Task[Images]):
    """From images to classes, whose names the data tell."""

    one_shape = True

    def load(self, recipe: Sections, skip_bad: bool = False) -> tuple[Images, Images | None]:
        source, shape = recipe.data.source, recipe.model.image_shape
        examples = data.load(source, recipe.data.split, shape, skip_bad=skip_bad)
        if recipe.data.validation == "split":
            return examples, data.load(source, "validation", shape, skip_bad=skip_bad)
        return split(examples, recipe.data.validation, recipe.train.seed)

    def batches(self, recipe: Sections, examples: Images, training: bool = True, step: int = 0,
                share: tuple[int, int] = (0, 1)) -> Batches:
        settings = recipe.train
        if not training:
            return Batches(examples, settings.batch_size, share=share)
        return Batches(examples, settings.batch_size, recipe.data.augment, settings.seed, step,
                       share)

    def build(self, recipe: Sections, examples: Images) -> keras.Model:
        settings, statistics = recipe.train, {}
        source = None if settings.start is None else models.load(settings.start)
        if source is not None:  # the new model standardises its images as the trained one does
            statistics = models.pixel_statistics(source)
        elif recipe.data.standardise:
            statistics = pixel_statistics(examples)
        model = recipe.model.build(len(examples.classes), seed=settings.seed, **statistics)
        if source is not None:
            transfer.transfer(source, model)
        transfer.freeze(model, settings.freeze)
        if settings.lora_rank is not None:
            transfer.enable_lora(model, settings.lora_rank)
        return model

    def loss(self, settings: typing.Any) -> keras.losses.Loss:
        return keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=settings.label_smoothing)

    def accuracy(self) -> keras.metrics.Metric:
        return Accuracy(name="accuracy")

    def classes(self, examples: Images) -> tuple[str, ...]:
        return tuple(examples.classes)

    def counts(self, examples: Images) -> dict[str, int]:
        if len(examples) > COUNTED:
            return {}
        labels = (examples.labels if isinstance(examples, data.LabelledImages)
                  else np.asarray([examples.records[index][1] for index in examples.order]))
        totals = (labels.sum(axis=0) if labels.ndim == 2
                  else np.bincount(labels, minlength=len(examples.classes)))
        return dict(zip(examples.classes, map(int, totals), strict=True))

    def files(self, examples: Images) -> dict[str, str]:
        return {LABELS: "\n".join(examples.classes) + "\n"}

    def facts(self, examples: Images) -> dict[str, typing.Any]:
        return {"classes": list(examples.classes)}


CLASSIFIER = Classifier()


def split(examples: Images, share: float, seed: int) -> tuple[Images, Images | None]:
    """Cuts a share of the examples off for validation, chosen by the seed.

    Args:
        examples: What `data.load` returns.
        share: Share to cut off, in `[0, 1)`.
        seed: Seed of the choice.

    Returns:
        Examples for training, and those for validation or `None` if the share holds none.
    """
    order = np.random.default_rng(seed).permutation(len(examples))
    count = int(len(order) * share)
    if not count:
        return examples, None
    return examples.take(np.sort(order[count:])), examples.take(np.sort(order[:count]))


def pixel_statistics(examples: Images, limit: int = 10_000) -> dict[str, list[float]]:
    """Computes mean and deviation of each channel, as `models.vit` takes them.

    Args:
        examples: What `data.load` returns.
        limit: Number of examples, from the first on, that are looked at.

    Returns:
        `{"pixel_mean", "pixel_std"}`, each a list of floats per channel, on the scale `[-1, 1]`.
    """
    count = min(limit, len(examples))
    sums = squares = np.zeros(())
    for start in range(0, count, 500):
        images, _ = examples.read(np.arange(start, min(start + 500, count)))
        pixels = images.astype("float64") / 127.5 - 1.0
        sums = sums + pixels.mean(axis=(1, 2)).sum(axis=0)
        squares = squares + np.square(pixels).mean(axis=(1, 2)).sum(axis=0)
    mean = sums / count
    std = np.sqrt(np.maximum(squares / count - mean ** 2, 0.0))
    return {"pixel_mean": mean.tolist(), "pixel_std": np.maximum(std, 1e-3).tolist()}


@keras.saving.register_keras_serializable(package="keras_seqattn")
class Accuracy(keras.metrics.CategoricalAccuracy):
    """Share of right answers, each example of any weight above 0 counted once."""

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
                     ) -> None:
        if sample_weight is not None:
            sample_weight = keras.ops.cast(sample_weight > 0, self.dtype)
        super().update_state(y_true, y_pred, sample_weight)
