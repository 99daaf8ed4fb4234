"""`keras_seqattn.training.recipe`: a wrong field is found before anything runs."""

import pytest
import yaml

from keras_seqattn.testing import check_error
from keras_seqattn.training.recipe import FOLDER, read

RECIPE = {
    "model": {"size": "nano", "patch_size": 8, "image_shape": [16, 16, 3], "num_layers": 1},
    "data": {"source": "sample:eurosat"},
    "train": {"epochs": 1},
}


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return path


@pytest.mark.parametrize("name", [file.stem for file in FOLDER.glob("*.yaml")])
def test_every_recipe_that_comes_along_is_valid_and_builds(name):
    recipe = read(name)
    assert recipe.model.build(7).output_shape == (None, 7)


def test_a_file_its_defaults_and_overrides(recipe):
    plain = read(recipe)
    assert plain.train.batch_size == 64
    assert plain.model.image_shape == (16, 16, 3)
    changed = read(str(recipe), ["train.epochs=3", "data.augment=[flip, rot90]",
                                 "train.learning_rate=2.5e-4", "train.clip_norm=null"])
    assert changed.train.epochs == 3
    assert changed.data.augment == ("flip", "rot90")
    assert changed.train.learning_rate == 2.5e-4
    assert changed.train.clip_norm is None


def test_a_recipe_read_from_its_own_dump_is_the_same(recipe, tmp_path):
    first = read(recipe)
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(first.model_dump(mode="json")))
    assert read(tmp_path / "again.yaml") == first


@pytest.mark.parametrize(("override", "received"), [
    ("train.epoch=3", {"field": "train.epoch"}),
    ("model.sise=tiny", {"field": "model.sise"}),
    ("model.size=tinny", {"value": "tinny"}),
    ("train.epochs=0", {"value": 0}),
    ("train.epochs=many", {"value": "many"}),
    ("train.learning_rate=-1", {"value": -1}),
    ("train.warmup=1", {"value": 1}),
    ("model.dropout=-0.1", {"value": -0.1}),
    ("data.augment=[flop]", {"value": "flop"}),
    ("trian.epochs=3", {"override": "trian.epochs=3"}),
    ("epochs=3", {"override": "epochs=3"}),
    ("train.epochs", {"override": "train.epochs"}),
])
def test_wrong_overrides(recipe, override, received):
    check_error(lambda: read(recipe, [override]), **received)


@pytest.mark.parametrize(("override", "meant"), [
    ("train.epoch=3", "epochs"), ("model.size=tinny", "tiny"), ("data.augment=[flop]", "flip"),
    ("trian.epochs=3", "train")])
def test_the_nearest_name_is_told(recipe, override, meant):
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        read(recipe, [override])


def test_what_is_missing_is_named(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, "train": {}}))
    with pytest.raises(ValueError, match=r"`train\.epochs` is wrong: field required"):
        read(path)


@pytest.mark.parametrize("content", ["a: [1", "just a text", "", "\x00"])
def test_what_is_no_recipe(tmp_path, content):
    path = tmp_path / "wrong.yaml"
    path.write_text(content)
    check_error(lambda: read(path), recipe=str(path))


def test_an_unknown_recipe():
    check_error(lambda: read("dmeo"), recipe="dmeo")
    with pytest.raises(ValueError, match="did you mean 'demo'"):
        read("dmeo")
