"""`keras_seqattn.training.recipe.recipe`."""

import pydantic
import pytest

from keras_seqattn.training.recipe.reading import check
from keras_seqattn.training.recipe.recipe import Recipe
from keras_seqattn.training.recipe.sections import BiTSection, ImageSection, ViTSection

FIELDS = {"model": {"size": "nano", "image_shape": (16, 16, 3)},
          "data": {"source": "sample:eurosat"}, "train": {"epochs": 1}}


def test_alone_it_is_that_of_a_vit():
    recipe = Recipe.model_validate(FIELDS)
    assert (type(recipe.model), type(recipe.data)) == (ViTSection, ImageSection)
    assert recipe == check(FIELDS)
    assert recipe.model_dump(mode="json") == check(FIELDS).model_dump(mode="json")


def test_with_sections_it_takes_these_only():
    kind = Recipe[BiTSection, ImageSection]
    model = {"architecture": "bit", "size": "r50x1", "image_shape": (16, 16, 3)}
    assert isinstance(kind.model_validate({**FIELDS, "model": model}), Recipe)
    with pytest.raises(pydantic.ValidationError):
        kind.model_validate(FIELDS)


def test_nothing_changes_once_it_is_read():
    with pytest.raises(pydantic.ValidationError):
        check(FIELDS).train.epochs = 3
