"""`keras_seqattn.training.recipe.kinds`: one row holds all that a kind of training is."""

import pytest

from keras_seqattn.training.recipe.fields import ModelSection
from keras_seqattn.training.recipe.kinds import KINDS, task_of
from keras_seqattn.training.recipe.recipe import Recipe
from keras_seqattn.training.tasks.captioning import Captioning
from keras_seqattn.training.tasks.classifier import Classifier
from keras_seqattn.training.tasks.translation import Translation


@pytest.mark.parametrize("architecture", KINDS)
def test_a_row_names_the_architecture_of_its_own_section(architecture):
    section = KINDS[architecture].recipe.model_fields["model"].annotation
    assert issubclass(section, ModelSection)
    assert section.model_fields["architecture"].annotation.__args__ == (architecture,)
    assert set(section.model_fields) >= section.IN_CARD


@pytest.mark.parametrize("architecture", KINDS)
def test_every_recipe_is_one(architecture):
    assert issubclass(KINDS[architecture].recipe, Recipe)


@pytest.mark.parametrize(("architecture", "task"), [
    ("vit", Classifier), ("bit", Classifier), ("trained", Classifier),
    ("transformer", Translation), ("seq2seq", Translation), ("captioner", Captioning)])
def test_the_task_of_a_recipe(architecture, task):
    kind = KINDS[architecture]
    section = kind.recipe.model_fields["model"].annotation.model_construct(
        architecture=architecture)
    recipe = kind.recipe.model_construct(model=section)
    assert type(task_of(recipe)) is task
    assert kind.task().one_shape == (task is Classifier)
