"""Kinds of training, a row each: the recipe of an architecture and the task that trains it."""

import typing

from keras_seqattn.training.recipe import sections
from keras_seqattn.training.recipe.recipe import AnyRecipe, Recipe

if typing.TYPE_CHECKING:
    from keras_seqattn.training.tasks.task import Task


def _classifier() -> "Task":
    from keras_seqattn.training.tasks.classifier import CLASSIFIER

    return CLASSIFIER


def _translation() -> "Task":
    from keras_seqattn.training.tasks.translation import TRANSLATION

    return TRANSLATION


def _captioning() -> "Task":
    from keras_seqattn.training.tasks.captioning import CAPTIONING

    return CAPTIONING


class Kind(typing.NamedTuple):
    """A kind of training.

    Attributes:
        recipe: Class of its recipes.
        task: Imports what loads its data, builds its model and writes its files. That takes
            Keras, which reading a recipe does not.
    """

    recipe: type[AnyRecipe]
    task: typing.Callable[[], "Task"]


# The value of `model.architecture` in a recipe: its kind.
KINDS = {
    "vit": Kind(Recipe[sections.ViTSection, sections.ImageSection], _classifier),
    "bit": Kind(Recipe[sections.BiTSection, sections.ImageSection], _classifier),
    "trained": Kind(Recipe[sections.TrainedSection, sections.ImageSection], _classifier),
    "transformer": Kind(Recipe[sections.TransformerSection, sections.PairSection], _translation),
    "seq2seq": Kind(Recipe[sections.Seq2SeqSection, sections.PairSection], _translation),
    "captioner": Kind(Recipe[sections.CaptionerSection, sections.CaptionSection], _captioning),
}


def task_of(recipe: AnyRecipe) -> "Task":
    """Returns the task that trains a recipe."""
    return KINDS[recipe.model.architecture].task()
