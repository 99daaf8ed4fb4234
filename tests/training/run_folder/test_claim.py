"""`keras_seqattn.training.run_folder.claim`: what a training may do with its folder."""

import numpy as np
import pytest

from keras_seqattn.testing import check_error
from keras_seqattn.training.recipe.recipe import Recipe
from keras_seqattn.training.run_folder import claim, journal, states


def _recipe(source="sample:eurosat", **train):
    return Recipe.model_validate({
        "model": {"size": "nano", "image_shape": (16, 16, 3)}, "data": {"source": source},
        "train": {"epochs": 3, **train}})


def test_an_empty_folder_is_free(tmp_path):
    claim.check_free(tmp_path)
    claim.check_own(_recipe(), tmp_path)
    assert not claim.is_finished(tmp_path)
    assert not claim.is_longer(_recipe(), tmp_path)


@pytest.mark.parametrize("name", ["card.toml", "model.keras", "best.keras"])
def test_a_folder_with_a_model_is_not(tmp_path, name):
    (tmp_path / name).write_text("")
    check_error(lambda: claim.check_free(tmp_path), folder=str(tmp_path), holds=[name])


def test_a_folder_with_a_state_holds_an_unfinished_run_until_its_card_is_there(tmp_path):
    states.write(tmp_path / "states", states.Position(), {"model/0": np.zeros(3)})
    check_error(lambda: claim.check_free(tmp_path), resume=False)
    (tmp_path / "card.toml").write_text("")
    check_error(lambda: claim.check_free(tmp_path), holds=["card.toml"])


@pytest.mark.parametrize(("before", "after", "longer"), [
    ({}, {"epochs": 5}, True), ({}, {"epochs": 3}, False), ({}, {"epochs": 2}, False),
    ({}, {"epochs": 5, "patience": 7}, True), ({}, {"epochs": 5, "seed": 1}, False),
    ({"steps": 6}, {"epochs": 5, "steps": 10}, True), ({"steps": 6}, {"steps": 9}, False),
    ({"steps": 6}, {"epochs": 6, "steps": 6}, False),
    ({}, {"epochs": 5, "source": "folder:other"}, False)])
def test_longer_is_more_epochs_and_nothing_else(tmp_path, before, after, longer):
    journal.write_recipe(_recipe(**before), tmp_path)
    assert claim.is_longer(_recipe(**after), tmp_path) is longer


def test_what_a_run_wrote_goes_and_other_files_stay(tmp_path):
    for name in (*claim.WRITTEN, "vit.tflite", "notes.txt"):
        (tmp_path / name).write_text("")
    for name in ("states", "logs", "images"):
        (tmp_path / name).mkdir()
    claim.clear(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"vit.tflite", "notes.txt", "images"}


def test_a_run_may_be_resumed_made_longer_or_replaced_but_never_written_over(tmp_path):
    (tmp_path / journal.CARD).touch()
    journal.write_recipe(_recipe(), tmp_path)
    check_error(lambda: claim.check(_recipe(), tmp_path, False, False), overwrite=False)
    check_error(lambda: claim.check(_recipe(seed=3), tmp_path, True, False), folder=str(tmp_path))
    assert not claim.check(_recipe(seed=3), tmp_path, False, True)
    assert not claim.check(_recipe(), tmp_path, True, False)
    assert claim.check(_recipe(epochs=5), tmp_path, True, False)
