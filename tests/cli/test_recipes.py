"""`keras_seqattn.cli.recipes`: what a recipe names is there before anything heavy is loaded."""

import types

import pytest

from keras_seqattn.cli import recipes
from keras_seqattn.training.recipe.kinds import KINDS


def checked(*changes, **parameters):
    context = types.SimpleNamespace(params=parameters, resilient_parsing=False)
    return recipes.changes(context, list(changes) or None)


def test_a_recipe_that_can_be_trained_passes(tmp_path):
    assert checked() is None
    (tmp_path / "train").mkdir()
    (tmp_path / "validation").mkdir()
    given = (f"data.source=folder:{tmp_path}", "data.validation=split", "train.start=vit_eurosat")
    assert checked(*given, recipe="demo") == list(given)


@pytest.mark.parametrize(("change", "said"), [
    ("train.epoch=3", "did you mean 'epochs'"),
    ("data.source=smaple:eurosat", "`data.source` must be KIND:NAME"),
    ("data.source=folder:nowhere", "the path must exist"),
    ("data.source=pairs:README.md", "pass one of sample:"),
    ("data.split=train+validation", "split='validation'"),
    ("data.validation=split", "split='validation'"),
    ("train.start=vit_eurosta", "did you mean 'vit_eurosat'")])
def test_what_is_wrong_is_told(change, said):
    with pytest.raises(ValueError, match=said.replace("+", r"\+")):
        checked(change, recipe="demo")


def test_the_names_of_a_trained_model_too(tmp_path):
    recipe = tmp_path / "own.yaml"
    recipe.write_text("model: {architecture: trained, weights: vit_eurosta, "
                      "image_shape: [64, 64, 3]}\n"
                      "data: {source: 'sample:eurosat'}\ntrain: {epochs: 1}\n")
    with pytest.raises(ValueError, match="did you mean 'vit_eurosat'"):
        checked(recipe=str(recipe))


def test_every_section_of_data_is_known():
    sections = {kind.recipe.model_fields["data"].annotation for kind in KINDS.values()}
    assert {each.__name__ for each in sections} == set(recipes.READ)


def test_completion_asks_nothing():
    context = types.SimpleNamespace(params={"recipe": "nowhere"}, resilient_parsing=True)
    assert recipes.changes(context, ["train.ep"]) == ["train.ep"]
