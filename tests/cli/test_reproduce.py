"""`keras_seqattn.cli.reproduce`: a cell of the paper's table from its name to its line."""

import json

import numpy as np
import pytest

from keras_seqattn import models
from keras_seqattn.training.vit_paper import published

tfds = pytest.importorskip("tensorflow_datasets")

LINE = ("reproduce", "vit-paper", "--runs", 2, "--json")
SMALL = ("--steps", 2, "--side", 16, "--batch-size", 2)


@pytest.fixture(autouse=True)
def _without_xla(monkeypatch):
    """Compiling would take longer than all steps."""
    monkeypatch.setitem(published.PUBLISHED["protocols"]["vit"], "xla", False)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.keras"
    models.vit("nano", 8, (16, 16, 3), 5, num_layers=1, num_heads=2, embed_dim=12,
               mlp_dim=17).save(path)
    return path


def test_a_cell_of_the_table(seqattn, weights, tmp_path):
    arguments = (*LINE, *SMALL, "--model", "vit_l16", "--weights", weights, "--dataset", "cifar10",
                 "--learning-rates", "0.01,0.02", "--out", tmp_path)
    with tfds.testing.mock_data(num_examples=4):
        code, out, err = seqattn(*arguments)
    assert code == 0, err
    entry = json.loads(out)
    assert (entry["published"], entry["published_deviation"]) == (99.42, 0.03)
    assert entry["changes"] == ["steps 2", "side 16", "batch_size 2", "learning_rates 0.01/0.02"]
    assert entry["parameters"] == models.load(str(weights)).count_params()
    assert entry["tasks"]["cifar10"]["examples"] == 4
    line = (tmp_path / "table.md").read_text().splitlines()[2]
    assert line.startswith("| CIFAR-10 | ViT-L/16, JFT | fine-tuning | ")
    assert "| 99.42 ± 0.03 |" in line
    assert f"| {entry['mean']:.2f} ± {entry['deviation']:.2f} |" in line
    assert seqattn(*arguments)[1] == out  # without the data: nothing is done again


def test_real_is_measured_on_the_runs_of_imagenet(seqattn, weights, tmp_path):
    arguments = (*LINE, *SMALL, "--model", "vit_l16", "--weights", weights,
                 "--learning-rates", 0.01, "--out", tmp_path)
    with tfds.testing.mock_data(num_examples=4):
        assert seqattn(*arguments, "--dataset", "imagenet2012")[0] == 0
        times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.keras")}
        code, out, _ = seqattn(*arguments, "--dataset", "imagenet2012_real")
    assert code == 0
    assert json.loads(out)["published"] == 90.54
    # One rate leaves nothing to choose.
    assert {path.parent.name for path in times} == {"run_0", "run_1"}
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.keras")}
    run = tmp_path / "vit_l16" / "imagenet2012" / "run_1"
    known = json.loads((run / "results.json").read_text())
    assert set(known) == {"tfds:imagenet2012", "tfds:imagenet2012_real"}
    text = (tmp_path / "table.md").read_text()
    assert "| ImageNet |" in text
    assert "| ImageNet ReaL |" in text


def test_a_probe_of_the_users_own_data(seqattn, weights, tmp_path):
    code, out, _ = seqattn(*LINE, "--weights", weights, "--dataset", "sample:eurosat", "--side", 16,
                           "--probe", "linear", "--shots", 3, "--out", tmp_path)
    assert code == 0
    entry = json.loads(out)
    assert (entry["method"], entry["published"], entry["steps"]) == (
        "linear probe, 3 per class", None, None)
    assert "| sample:eurosat | tiny | linear probe, 3 per class |" in (
        tmp_path / "table.md").read_text()


def test_weights_of_another_project_are_converted_once(seqattn, weights, tmp_path, monkeypatch):
    from keras_seqattn import checkpoints

    seen = []

    def load(path):
        seen.append(path)
        return models.load(str(weights))

    monkeypatch.setattr(checkpoints, "load", load, raising=False)
    other = tmp_path / "ViT-X_16.npz"
    np.savez(other, kernel=np.ones(3))
    for _ in range(2):
        assert seqattn(*LINE, "--weights", other, "--dataset", "sample:eurosat", "--side", 16,
                       "--probe", "linear", "--shots", 1, "--out", tmp_path / "out")[0] == 0
    assert seen == [str(other)]
    kept, = (tmp_path / "out" / "weights").iterdir()
    assert kept.name.startswith("ViT-X_16-")


@pytest.mark.parametrize(("changes", "words"), [
    ({"--dataset": "cifar11"}, "dataset='cifar11'. To fix: did you mean 'cifar10'?"),
    ({"--model": "vit_l15"}, "model='vit_l15'. To fix: did you mean 'vit_l16'?"),
    ({"--weights": "no_such"}, "model='no_such'"),
    ({"--weights": "no_such.npz"}, "missing='no_such.npz'"),
    ({"--probe": "cubic"}, "probe='cubic'"),
    ({"--shots": 5}, "shots=5"),
    ({"--probe": "linear", "--steps": 5}, "steps=5"),
    ({"--learning-rates": "0.1;0.2"}, "learning_rates='0.1;0.2'"),
    ({"--learning-rates": "0.1,-1"}, "learning_rates='0.1,-1'"),
    ({"--accumulate": 7}, "accumulate=7, batch_size=512"),
    ({"--dataset": "pack:no_such.npz"}, "path='no_such.npz'")])
def test_a_mistake_is_one_line(seqattn, weights, tmp_path, monkeypatch, changes, words):
    monkeypatch.chdir(tmp_path)
    arguments = {"--weights": weights, "--dataset": "cifar10", "--out": "out", **changes}
    code, _, err = seqattn("reproduce", "vit-paper", *(
        each for pair in arguments.items() for each in pair))
    assert code == 2
    *_, last = err.strip().splitlines()
    assert words in last
    assert "To fix:" in last


def test_another_paper(seqattn, weights):
    code, _, err = seqattn("reproduce", "bit-paper", "--weights", weights, "--dataset", "cifar10")
    assert code == 2
    assert "paper='bit-paper'" in err
