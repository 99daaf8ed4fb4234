"""Kinds of training, a row each: the recipe of an architecture and the task that trains it."""

import typing

from keras_seqattn.training.recipe import sections
from keras_seqattn.training.recipe.recipe import AnyRecipe, Recipe
from keras_seqattn.training.tasks.captioning import CAPTIONING
from keras_seqattn.training.tasks.classifier import CLASSIFIER
from keras_seqattn.training.tasks.task import Task
from keras_seqattn.training.tasks.translation import TRANSLATION


class Kind(typing.NamedTuple):
    """A kind of training.

    Attributes:
        recipe: Class of its recipes.
        task: What loads its data, builds its model and writes its files.
    """

    recipe: type[AnyRecipe]
    task: Task


# The value of `model.architecture` in a recipe: its kind.
KINDS = {
    "vit": Kind(Recipe[sections.ViTSection, sections.ImageSection], CLASSIFIER),
    "bit": Kind(Recipe[sections.BiTSection, sections.ImageSection], CLASSIFIER),
    "trained": Kind(Recipe[sections.TrainedSection, sections.ImageSection], CLASSIFIER),
    "transformer": Kind(Recipe[sections.TransformerSection, sections.PairSection], TRANSLATION),
    "seq2seq": Kind(Recipe[sections.Seq2SeqSection, sections.PairSection], TRANSLATION),
    "captioner": Kind(Recipe[sections.CaptionerSection, sections.CaptionSection], CAPTIONING),
}


def task_of(recipe: AnyRecipe) -> Task:
    """Returns the task that trains a recipe."""
    return KINDS[recipe.model.architecture].task
