"""`keras_seqattn.cli.train`: runs and findings."""

import inspect
import json
import pathlib

import pytest

from keras_seqattn import cli, models, training
from keras_seqattn.cli import train

pytestmark = pytest.mark.edge


SMALL = ("demo", "train.epochs=1", "model.num_layers=1", "model.embed_dim=16", "model.mlp_dim=16",
         "model.patch_size=32", "train.batch_size=400")


def test_train_writes_a_run_and_never_over_one(seqattn, tmp_path):
    command = ("train", *SMALL, "--out", tmp_path / "run", "--json")
    code, out, _ = seqattn(*command)
    assert code == 0
    assert json.loads(out)["epochs"] == 1
    assert models.load(tmp_path / "run").output_shape == (None, 10)
    before = (tmp_path / "run/model.keras").stat().st_mtime_ns
    for again in (command, ("demo", *SMALL[1:], "--out", tmp_path / "run")):
        code, _, err = seqattn(*again)
        assert code == 2
        assert "--overwrite" in err
    assert (tmp_path / "run/model.keras").stat().st_mtime_ns == before
    code, out, _ = seqattn(*command, "train.epochs=2", "--resume")
    assert (code, json.loads(out)["epochs"]) == (0, 2)


def test_the_folder_of_a_training_is_not_that_of_the_demo(seqattn, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folders = []
    monkeypatch.setattr(training, "fit", lambda recipe, out, *_, **__: folders.append(out) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["train", *SMALL])
    assert folders == [pathlib.Path("runs/train/demo")]
    assert inspect.signature(train.demo).parameters["out"].default == pathlib.Path("runs/demo")


@pytest.mark.parametrize(("stop", "code", "told"), [
    (training.Preempted("ended by SIGTERM after step 3; the state is saved"), 75, "SIGTERM"),
    (training.Preempted("ended by Ctrl-C after step 3; the state is saved", 130), 130, "Ctrl-C"),
    (KeyboardInterrupt(), 130, "nothing that was saved is lost")])
def test_a_training_that_ends_early_says_how_to_go_on(seqattn, monkeypatch, stop, code, told):
    def fit(*_, **__):
        raise stop
    monkeypatch.setattr(training, "fit", fit)
    got, _, err = seqattn("train", *SMALL, "--out", "runs/mine")
    assert got == code
    assert told in err
    assert "go on with the same command, --out runs/mine and --resume" in err.replace("\n", " ")


def test_a_dry_run_writes_nothing(seqattn, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, _ = seqattn("train", *SMALL, "--dry-run", "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["steps"], told["inputs"]) == (5, "400×64×64×3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("recipe", "told"), [
    ("dmeo", "did you mean 'demo'"), ("nowhere/own.yaml", "the path must exist")])
def test_a_recipe_that_is_not_there(seqattn, recipe, told):
    code, _, err = seqattn("train", recipe)
    assert code == 2
    assert told in err.replace("\n", " ")
