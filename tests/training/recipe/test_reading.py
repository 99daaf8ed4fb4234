"""`keras_seqattn.training.recipe.reading`: a wrong field is found before anything runs."""

import pathlib
import re
import subprocess
import sys
import textwrap

import pytest
import yaml

from keras_seqattn.testing import check_error
from keras_seqattn.training.recipe.reading import check, read

ROOT = pathlib.Path(__file__).parents[3]
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
    ("model.rematerialise=products", "model", "rematerialise", "products"),
    ("train.scan=true", "train", "scan", True),
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
    check_error(lambda: read(recipe, ["model.num_layers=[]"]), **{"model.num_layers": []})
    check_error(lambda: read(recipe, ["model.patch_size=8"]), **{"model.patch_size": 8})


def test_a_recipe_read_from_its_own_dump_is_the_same(recipe, tmp_path):
    first = read(recipe)
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(first.model_dump(mode="json")))
    assert read(tmp_path / "again.yaml") == first


@pytest.mark.parametrize(("override", "path", "value"), [
    ("train.epoch=3", "train.epoch", 3),
    ("model.sise=tiny", "model.sise", "tiny"),
    ("model.size=tinny", "model.size", "tinny"),
    ("train.epochs=0", "train.epochs", 0),
    ("train.epochs=many", "train.epochs", "many"),
    ("train.learning_rate=-1", "train.learning_rate", -1),
    ("train.warmup=1", "train.warmup", 1),
    ("model.dropout=-0.1", "model.dropout", -0.1),
    ("data.augment=[flop]", "data.augment.0", "flop"),
    ("data.validation=1", "data.validation", 1),
    ("model.architecture=bot", "model.architecture", "bot"),
    ("data.validation=test", "data.validation", "test"),
    ("model.stem=cnn", "model.stem", "cnn"),
    ("model.dtype=float16", "model.dtype", "float16"),
    ("model.rematerialise=some", "model.rematerialise", "some"),
    ("train.accumulate=1", "train.accumulate", 1),
    ("train.average=1", "train.average", 1),
    ("train.freeze=patches", "train.freeze", "patches"),
    ("train.lora_rank=0", "train.lora_rank", 0),
    ("train.layer_decay=0", "train.layer_decay", 0),
    ("train.layer_decay=1.1", "train.layer_decay", 1.1),
    ("train.patience=0", "train.patience", 0),
    ("train.checkpoint_every=0", "train.checkpoint_every", 0),
    ("train.xla=always", "train.xla", "always"),
    ("train.scan=twice", "train.scan", "twice"),
    ("train.seed=-1", "train.seed", -1),
    ("trian.epochs=3", "trian.epochs", 3),
    ("epochs=3", "epochs", 3),
    ("train.epochs", "train.epochs", "no value"),
    ("train.epochs=[3", "train.epochs", "[3"),
    ("model=vit", "model", "vit"),
    ("train.epochs.first=3", "train.epochs.first", 3),
])
def test_wrong_overrides(recipe, override, path, value):
    check_error(lambda: read(recipe, [override]), **{path: value})


@pytest.mark.parametrize(("override", "meant"), [
    ("train.epoch=3", "epochs"), ("model.size=tinny", "tiny"), ("data.augment=[flop]", "flip"),
    ("trian.epochs=3", "train.epochs"), ("epochs=3", "train.epochs"),
    ("train.image_shape=[8, 8, 3]", "model.image_shape"), ("model.num_head=3", "num_heads"),
    ("model.intermediate_dim=3", "mlp_dim"), ("model.hidden_dim=3", "embed_dim"),
    ("model.depth=3", "num_layers"), ("model.architecture=bitt", "bit")])
def test_the_nearest_name_is_told(recipe, override, meant):
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        read(recipe, [override])


def test_what_is_missing_is_named(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, "train": {}}))
    with pytest.raises(ValueError, match=r"train\.epochs must be given \(such as train\.epochs="):
        read(path)


def test_all_mistakes_are_told_at_once(recipe):
    wrong = {"train.epoch": 3, "train.warmup": 1, "model.size": "tinny", "data.validation": "test",
             "train.epochs": "many", "data.augment.1": "flop"}
    overrides = ["train.epoch=3", "train.warmup=1", "model.size=tinny", "data.validation=test",
                 "train.epochs=many", "data.augment=[flip, flop]", "train.seed", "xyz.lr=3"]
    check_error(lambda: read(recipe, overrides), **wrong, **{
        "train.seed": "no value", "xyz.lr": 3})
    with pytest.raises(ValueError, match="To fix") as error:
        read(recipe, overrides)
    told = str(error.value)
    assert "constrained" not in told   # pydantic's own names stay its own
    assert "Input should" not in told
    assert "train.warmup must be less than 1 (such as train.warmup=0.1)" in told
    assert "train.epochs must be a whole number (such as train.epochs=10)" in told


def test_a_wrong_architecture_hides_no_mistake_of_the_training(recipe):
    check_error(lambda: read(recipe, ["model.architecture=bot", "train.seed=-1"]),
                **{"model.architecture": "bot", "train.seed": -1})


@pytest.mark.parametrize(("override", "advice"), [
    ("data.validation=1", "must be less than 1 or 'split'"),
    ("data.augment=[flip, 3]", "data.augment.1 must be"),
    ("model.image_shape=[16, 16, 0]", "model.image_shape.2 must be greater than 0"),
    ("model.image_shape=[16, 16]",
     "model.image_shape must be of full length (such as model.image_shape=[64, 64, 3])"),
    ("train.freeze=patches", "train.freeze must be a list (such as train.freeze=[patches])"),
    ("train.xla=always", "train.xla must be 'auto' or true or false (such as train.xla=auto)"),
    ("train.steps=7 train.epochs=2", "train.steps must be divided by the 2 epochs")])
def test_the_place_of_a_wrong_value_and_a_right_one_are_told(recipe, override, advice):
    with pytest.raises(ValueError, match=re.escape(advice)):
        read(recipe, re.split(r" (?=train)", override))


def test_a_section_that_is_none(recipe):
    fields = {**RECIPE, "train": None, "data": "sample:eurosat"}
    check_error(lambda: check(fields), train=None, data="sample:eurosat")


def test_fields_need_no_file(recipe):
    assert check(RECIPE) == read(recipe)
    check_error(lambda: check({**RECIPE, "tests": {}}, "own"), recipe="own", tests={})


@pytest.mark.parametrize("content", ["a: [1", "just a text", "", "\x00"])
def test_what_is_no_recipe(tmp_path, content):
    path = tmp_path / "wrong.yaml"
    path.write_text(content)
    check_error(lambda: read(path), recipe=str(path))


def test_an_unknown_recipe():
    check_error(lambda: read("dmeo"), recipe="dmeo")
    with pytest.raises(ValueError, match="did you mean 'demo'"):
        read("dmeo")


def test_a_path_that_does_not_exist_is_called_that(recipe):
    with pytest.raises(ValueError, match=r"the path must exist.*did you mean .*own\.yaml"):
        read(str(recipe).replace("own", "onw"))
    check_error(lambda: read("nowhere/own.yaml"), recipe="nowhere/own.yaml")


def test_reading_imports_no_library_that_takes_seconds():
    """The other names of `training` come with what they need, when they are asked for."""
    code = """
        import sys
        from keras_seqattn import training
        slow = {"keras", "tensorflow", "jax", "torch", "matplotlib"}
        training.read("demo", ["train.epochs=3"])
        training.Recipe, training.Preempted, training.EXIT_PREEMPTED
        assert not slow & set(sys.modules), slow & set(sys.modules)
        assert set(training.__all__) <= set(dir(training))
        print(sorted(set(training.__all__) - {n for n in training.__all__ if getattr(training, n)}))
        assert not hasattr(training, "fitt")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True,
                          text=True, check=False, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr
