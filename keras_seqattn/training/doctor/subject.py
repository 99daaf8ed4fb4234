"""What is examined: the model of a recipe with its optimizer, and the batches of its steps."""

import typing

import keras
import numpy as np

from keras_seqattn.data.stored import StoredImages
from keras_seqattn.training.doctor import imagined
from keras_seqattn.training.doctor.finding import Finding
from keras_seqattn.training.recipe.kinds import task_of
from keras_seqattn.training.recipe.recipe import AnyRecipe

PICTURES = 16   # batches whose shapes are looked at where that decodes pictures


class Subject(typing.NamedTuple):
    """A model and its batches.

    Attributes:
        model: `keras.Model`, compiled and built, optimizer included.
        batch: The largest batch: what one device gets of it.
        shapes: How many shapes the batches have that were looked at.
        validates: Whether the recipe has validation examples.
        findings: What is to be said of the data.
    """

    model: keras.Model
    batch: tuple
    shapes: int
    validates: bool
    findings: list[Finding]


def subject(recipe: AnyRecipe, devices: int, outputs: int | None = None) -> Subject:
    """Builds the model of a recipe as `fit` does, and makes a batch.

    Args:
        recipe: `Recipe`, whose batch the devices divide.
        devices: Devices that share a batch.
        outputs: Classes or tokens in the place of data that are not read, or `None`.

    Raises:
        ValueError: the data or the recipe are not as they must be.
    """
    task, settings = task_of(recipe), recipe.train
    if outputs is not None:
        examples = imagined.examples(recipe, task, outputs)
        model = task.build(recipe, examples)
        batch = imagined.batch(model, task)
        task.compile_model(model, settings, settings.steps or settings.epochs)
        task.build_state(model, batch)
        return Subject(model, batch, 1, True, [])
    examples, validation = task.load(recipe)
    batches = task.batches(recipe, examples, share=(0, devices))
    model = task.build(recipe, examples)
    task.compile_model(model, settings, batches.steps_per_epoch * settings.epochs)
    task.build_state(model, batches[0])
    seen = _seen(batches)
    findings = list(_of_data(recipe, examples, len(seen)))
    return Subject(model, max(seen.values(), key=_size), len(seen), validation is not None,
                   findings)


def _seen(batches: typing.Any) -> dict[str, tuple]:
    """One batch of each shape that an epoch has."""
    last = batches.steps_per_epoch - 1
    count = last + 1 if batches[0][1].dtype == "int32" else PICTURES
    seen: dict[str, tuple] = {}
    for index in np.unique(np.linspace(0, last, count).astype(int)).tolist():
        batch = batches[index]
        seen.setdefault(str([array.shape for array in keras.tree.flatten(batch)]), batch)
    return seen


def _size(batch: tuple) -> int:
    return sum(array.size for array in keras.tree.flatten(batch))


def _of_data(recipe: AnyRecipe, examples: typing.Any, shapes: int) -> typing.Iterator[Finding]:
    if recipe.train.batch_size > len(examples):
        yield Finding(f"a batch is larger than the {len(examples)} training examples",
                      "train.batch_size", f"use train.batch_size={len(examples)} or less")
    if shapes > 1:
        yield Finding(f"the batches have {shapes} shapes, and the step is compiled for each",
                      "the first epoch", "expect so many compilations, or a shorter "
                      "model.max_length", "note")
    if isinstance(examples, StoredImages):
        yield Finding("the images are decoded by the hosts whenever they are read", "data.source",
                      "watch examples_per_s; a set that fits in memory is decoded once", "note")
