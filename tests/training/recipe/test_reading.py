"""`keras_seqattn.training.recipe.reading`: a wrong field is found before anything runs."""

import pytest
import yaml

from keras_seqattn.testing import check_error
from keras_seqattn.training.recipe.reading import check, read

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


@pytest.mark.parametrize(("override", "section", "field", "value"), [
    ("data.validation=split", "data", "validation", "split"),
    ("data.validation=0.25", "data", "validation", 0.25),
    ("data.augment=[resized_crop, rand_augment, erase, cutmix]", "data", "augment",
     ("resized_crop", "rand_augment", "erase", "cutmix")),
    ("model.stem=conv", "model", "stem", "conv"),
    ("model.dtype=mixed_bfloat16", "model", "dtype", "mixed_bfloat16"),
    ("model.rematerialise=true", "model", "rematerialise", True),
    ("train.accumulate=2", "train", "accumulate", 2),
    ("train.average=0.999", "train", "average", 0.999),
    ("train.start=runs/first", "train", "start", "runs/first"),
    ("train.freeze=[patches, 'block_[0-3]']", "train", "freeze", ("patches", "block_[0-3]")),
    ("train.lora_rank=4", "train", "lora_rank", 4),
    ("train.layer_decay=1", "train", "layer_decay", 1.0),
    ("train.patience=3", "train", "patience", 3),
    ("train.xla=true", "train", "xla", True),
    ("train.xla=auto", "train", "xla", "auto")])
def test_fields_and_their_values(recipe, override, section, field, value):
    changed = read(recipe, [override])
    assert getattr(getattr(changed, section), field) == value
    assert read(recipe) == changed.model_copy(update={section: getattr(read(recipe), section)})


def test_what_a_recipe_does_not_say_changes_nothing(recipe):
    train = read(recipe).train
    assert (train.accumulate, train.average, train.start, train.lora_rank, train.patience) == (
        None,) * 5
    assert (train.freeze, train.layer_decay, train.xla) == ((), 1.0, "auto")
    assert (read(recipe).model.stem, read(recipe).model.dtype) == ("patch", "float32")


def test_another_architecture_has_other_fields(recipe):
    fields = yaml.safe_load(recipe.read_text())
    fields["model"] = {"architecture": "bit", "size": "r50x1", "image_shape": [32, 24, 3],
                       "num_layers": [1, 2], "width": 8, "num_groups": 2}
    recipe.write_text(yaml.safe_dump(fields))
    assert read(recipe).model.num_layers == (1, 2)
    check_error(lambda: read(recipe, ["model.num_layers=[]"]), value=[])
    check_error(lambda: read(recipe, ["model.patch_size=8"]), field="model.patch_size")


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
    ("data.validation=1", {"value": 1}),
    ("model.architecture=bot", {"value": "bot"}),
    ("data.validation=test", {"value": "test"}),
    ("model.stem=cnn", {"value": "cnn"}),
    ("model.dtype=float16", {"value": "float16"}),
    ("model.rematerialise=some", {"value": "some"}),
    ("train.accumulate=1", {"value": 1}),
    ("train.average=1", {"value": 1}),
    ("train.freeze=patches", {"value": "patches"}),
    ("train.lora_rank=0", {"value": 0}),
    ("train.layer_decay=0", {"value": 0}),
    ("train.layer_decay=1.1", {"value": 1.1}),
    ("train.patience=0", {"value": 0}),
    ("train.checkpoint_every=0", {"value": 0}),
    ("train.xla=always", {"value": "always"}),
    ("train.seed=-1", {"value": -1}),
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


@pytest.mark.parametrize(("override", "path"), [
    ("data.validation=1", "data.validation"), ("data.augment=[flip, 3]", "data.augment.1"),
    ("model.image_shape=[16, 16, 0]", "model.image_shape.2")])
def test_the_place_of_a_wrong_value_is_told(recipe, override, path):
    with pytest.raises(ValueError, match=rf"`{path}` is .*To fix: "):
        read(recipe, [override])


def test_fields_need_no_file(recipe):
    assert check(RECIPE) == read(recipe)
    check_error(lambda: check({**RECIPE, "tests": {}}, "own"), recipe="own", field="tests")


@pytest.mark.parametrize("content", ["a: [1", "just a text", "", "\x00"])
def test_what_is_no_recipe(tmp_path, content):
    path = tmp_path / "wrong.yaml"
    path.write_text(content)
    check_error(lambda: read(path), recipe=str(path))


def test_an_unknown_recipe():
    check_error(lambda: read("dmeo"), recipe="dmeo")
    with pytest.raises(ValueError, match="did you mean 'demo'"):
        read("dmeo")
