"""`keras_seqattn.training.vit_paper.reproduction`: runs of a cell, and the table they fill."""

import json

import numpy as np
import pytest
from arrays import array, normal
from sets import write_pictures

from keras_seqattn import data, models, training
from keras_seqattn.data.batches import scale
from keras_seqattn.download import digest
from keras_seqattn.testing import check_error
from keras_seqattn.training.vit_paper import published, reproduction

pytest.importorskip("PIL")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"), {"train": 23, "test": 7})


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A drawn model of other classes, as a recipe names it."""
    path = tmp_path_factory.mktemp("weights") / "start.keras"
    model = models.vit("nano", 8, (16, 16, 3), 5, num_layers=1, num_heads=2, embed_dim=12,
                       mlp_dim=17)
    rng = np.random.default_rng(5)
    model.set_weights([normal(rng, *weight.shape) for weight in model.weights])
    model.save(path)
    return {"weights": str(path), "sha256": digest(path)}


def _plan(source, rates=(0.001, 0.01), **train):
    plan, = published.plans(source, learning_rates=rates, steps=2, batch_size=8, xla=False,
                            **train).values()
    return plan


SHAPE = (16, 16, 3)


@pytest.fixture(scope="module")
def result(source, weights, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return out, reproduction.fine_tune(_plan(source), weights, SHAPE, out, 2, quiet=True)


def test_the_rate_is_the_best_of_the_validation_and_the_runs_have_all_images(result, source):
    out, found = result
    assert set(found["validation"]) == {0.001, 0.01}
    assert found["validation"][found["chosen"]] == max(found["validation"].values())
    assert {folder.name for folder in out.iterdir()} == {
        "rate_0.001", "rate_0.01", "run_0", "run_1"}
    # 46 training images: 4 are kept from the sweep, none from the runs.
    for folder, count, seed in (("rate_0.01", 42, 0), ("run_1", 46, 1)):
        assert f"training_examples = {count}\n" in (out / folder / "card.toml").read_text()
        recipe = training.read(out / folder / "recipe.yaml")
        assert recipe.train.seed == seed
        assert recipe.data.augment == ("resized_crop", "flip")
    assert training.read(out / "run_1" / "recipe.yaml").train.learning_rate == found["chosen"]


def test_the_accuracies_are_those_of_the_runs_on_the_test_images(result, source):
    out, found = result
    test = data.load(source, "test", SHAPE)
    assert found["examples"] == len(test) == 14
    for seed, accuracy in enumerate(found["accuracies"]):
        answers = array(models.load(out / f"run_{seed}")(scale(test.images))).argmax(-1)
        assert accuracy == pytest.approx(100 * np.mean(answers == test.labels))


def test_what_is_finished_is_not_done_again(result, source, weights):
    out, found = result
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    (out / "run_0" / "model.keras").rename(out / "run_0" / "kept.keras")  # not even looked at
    again = reproduction.fine_tune(_plan(source), weights, SHAPE, out, 2, quiet=True)
    (out / "run_0" / "kept.keras").rename(out / "run_0" / "model.keras")
    assert again == found
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*")} | {
        out / "run_0": times[out / "run_0"]}


def test_runs_of_other_settings_are_refused(result, source, weights):
    out, _ = result
    plan = _plan(source, rates=(0.001,), momentum=0.5)
    check_error(lambda: reproduction.fine_tune(plan, weights, SHAPE, out, 1, quiet=True),
                folder=str(out / "run_0"))


def test_a_linear_probe_tells_dark_from_light(source, weights):
    found = reproduction.linear_probe(_plan(source), weights, SHAPE, runs=2)
    assert min(found["accuracies"]) > 80
    assert found["examples"] == 14
    assert len(found["chosen"]) == 2


def test_a_probe_of_few_images_sees_these_only(source, weights, monkeypatch):
    seen = []
    real = reproduction.probe.Ridge

    def ridge(rows, labels, num_classes):
        seen.append(np.bincount(labels).tolist())
        return real(rows, labels, num_classes)

    monkeypatch.setattr(reproduction.probe, "Ridge", ridge)
    reproduction.linear_probe(_plan(source), weights, SHAPE, runs=2, shots=3)
    assert seen == [[3, 3], [3, 3]]


def _cell(dataset, model, accuracies, method="fine-tuning", **facts):
    tasks = {f"task{i}": {"accuracies": each, "chosen": 0.01} for i, each in enumerate(accuracies)}
    return reproduction.cell(dataset, model, tasks, **{
        "method": method, "changes": [], "steps": 2500, "parameters": 1234,
        "image_shapes": [(384, 384, 3)], **facts})


def test_a_run_is_the_mean_of_its_tasks():
    """Runs of (60, 80) and (64, 84): means 70 and 74, their mean 72, their deviation 2√2."""
    entry = _cell("vtab", "vit_h14", [[60.0, 64.0], [80.0, 84.0]])
    assert entry["accuracies"] == [70.0, 74.0]
    assert entry["mean"] == 72.0
    assert entry["deviation"] == pytest.approx(8 ** 0.5)
    assert (entry["published"], entry["published_deviation"]) == (77.63, 0.23)


def test_one_run_has_no_deviation_and_a_probe_no_published_number():
    assert _cell("cifar10", "vit_l16", [[60.0]])["deviation"] is None
    assert _cell("cifar10", "vit_l16", [[60.0]])["published"] == 99.42
    assert _cell("cifar10", "vit_l16", [[60.0]], "linear probe")["published"] is None
    assert _cell("cifar10", "other", [[60.0]])["published"] is None


def test_the_cells_of_a_folder_are_one_table(tmp_path):
    reproduction.write(_cell("vtab", "vit_h14", [[60.0, 64.0], [80.0, 84.0]]),
                    tmp_path / "vit_h14" / "vtab", tmp_path)
    text = reproduction.write(
        _cell("cifar10", "vit_l16", [[50.0]], changes=["steps 7"], steps=7,
              image_shapes=[(64, 48, 3)]),
        tmp_path / "vit_l16" / "cifar10", tmp_path)
    assert (tmp_path / "table.md").read_text() == text
    lines = text.splitlines()
    assert lines[2] == ("| VTAB (19 tasks) | ViT-H/14, JFT | fine-tuning | 72.00 ± 2.83 "
                        "| 77.63 ± 0.23 | per task | 2 | 2,500 | 384×384 | 1,234 | – |")
    assert lines[3] == ("| CIFAR-10 | ViT-L/16, JFT | fine-tuning | 50.00 | 99.42 ± 0.03 | 0.01 "
                        "| 1 | 7 | 64×48 | 1,234 | steps 7 |")
    assert lines[-1] == ("TPUv3-core-days of pre-training, published: ViT-H/14, JFT 2,500, "
                         "ViT-L/16, JFT 680.")
    table = json.loads((tmp_path / "table.json").read_text())
    assert [each["dataset"] for each in table["cells"]] == ["vtab", "cifar10"]


def test_the_highest_validation_accuracy_wins(monkeypatch, tmp_path):
    known = {0.001: 0.5, 0.01: 0.75, 0.03: 0.25}

    def once(recipe, folder, name, measure, how):
        rate = recipe.train.learning_rate
        return known[rate] if name == "validation" else (rate, 14)

    monkeypatch.setattr(reproduction, "_once", once)
    found = reproduction.fine_tune(
        _plan("pack:none.npz", tuple(known)), {"weights": "none"}, SHAPE, tmp_path, 2)
    assert (found["chosen"], found["validation"]) == (0.01, known)
    assert found["accuracies"] == [1.0, 1.0]
