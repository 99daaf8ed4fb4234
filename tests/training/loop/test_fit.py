"""`keras_seqattn.training.loop.fit`."""

import csv

import keras
import numpy as np
import pytest
from arrays import array, normal

from keras_seqattn import data, models, training
from keras_seqattn.data.batches import scale
from keras_seqattn.download import digest
from keras_seqattn.testing import check_error
from keras_seqattn.training.recipe.reading import check
from keras_seqattn.training.run_folder import journal, states
from keras_seqattn.training.tasks.classifier import CLASSIFIER

pytest.importorskip("PIL.Image")


def _fit(recipe, out, **settings):
    return training.fit(recipe, out, "none", quiet=True, **settings)


def test_a_run_learns_and_leaves_what_it_says(make_recipe, source, tmp_path):
    recipe = make_recipe({"epochs": 5}, data={"augment": ("flip", "shift")})
    out = tmp_path / "run"
    run = _fit(recipe, out)
    assert run.classes == ("dark", "light")
    assert set(run.history) == {
        "loss", "accuracy", "val_loss", "val_accuracy", "seconds", "examples_per_s"}
    assert {len(values) for values in run.history.values()} == {5}
    assert run.seconds == pytest.approx(sum(run.history["seconds"]))
    assert run.examples_per_s == pytest.approx(32 * 5 / run.seconds)
    for speed, seconds in zip(run.history["examples_per_s"], run.history["seconds"], strict=True):
        assert speed == pytest.approx(32 / seconds)
    test = data.load(source, "test", (16, 16, 3))
    logits = array(models.load(out)(scale(test.images)))
    np.testing.assert_allclose(logits, array(run.model(scale(test.images))), atol=1e-6)
    assert (logits.argmax(-1) == test.labels).all()
    assert {"recipe.yaml", "log.csv", "curves.png", "best.keras", "model.keras", "labels.txt",
            "card.toml"} <= {file.name for file in out.iterdir()}
    assert len(states.files(out / "states")) == 1
    assert models.labels(out) == ["dark", "light"]
    assert training.read(out / "recipe.yaml") == recipe
    with open(out / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == run.history["loss"]
    assert list((out / "logs").rglob("*tfevents*"))
    assert not keras.saving.load_model(out / "model.keras").compiled

    best = run.history["val_loss"].index(min(run.history["val_loss"]))
    card = (out / "card.toml").read_text()
    assert f"best_epoch = {best + 1}\n" in card
    assert f"best_val_loss = {min(run.history['val_loss'])!r}\n" in card
    # A finished run is returned as it is; nothing is written.
    times = {file: file.stat().st_mtime_ns for file in out.iterdir()}
    check_error(lambda: _fit(recipe, out), folder=str(out), overwrite=False)
    again = _fit(recipe, out, resume=True)
    assert again.history == run.history
    np.testing.assert_array_equal(array(again.model(scale(test.images))), logits)
    assert {file: file.stat().st_mtime_ns for file in out.iterdir()} == times


def test_the_weights_of_the_best_epoch_are_kept(make_recipe, tmp_path):
    """A learning rate that destroys the model later must not destroy what was best."""
    recipe = make_recipe({"learning_rate": 1.0, "warmup": 0.99, "clip_norm": None, "epochs": 6})
    run = _fit(recipe, tmp_path / "run")
    _, validation = CLASSIFIER.load(recipe)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)(
        keras.utils.to_categorical(validation.labels, 2), run.model(scale(validation.images)))
    assert float(loss) == pytest.approx(min(run.history["val_loss"]), rel=1e-4)
    assert min(run.history["val_loss"]) < run.history["val_loss"][-1]


def test_the_same_seed_gives_the_same_run_and_no_validation_no_curves_of_it(make_recipe, tmp_path):
    def history(name, seed):
        run = _fit(make_recipe({"seed": seed}, data={"validation": 0.0}), tmp_path / name)
        assert set(run.history) == {"loss", "accuracy", "seconds", "examples_per_s"}
        assert not (tmp_path / name / "best.keras").exists()
        return run.history["loss"]
    first, twin, other = history("a", 0), history("b", 0), history("c", 1)
    assert first == twin
    assert first != pytest.approx(other, rel=1e-3)


def test_an_unfinished_run_is_not_trodden_on(make_recipe, tmp_path):
    states.write(tmp_path / "run/states", states.Position(), {"model/0": np.zeros(3)})
    check_error(lambda: _fit(make_recipe(), tmp_path / "run"),
                folder=str(tmp_path / "run"), resume=False, overwrite=False)
    assert states.files(tmp_path / "run/states")


def test_a_run_goes_on_with_its_own_recipe_only(make_recipe, tmp_path):
    journal.write_recipe(make_recipe(), tmp_path)
    check_error(lambda: _fit(make_recipe({"seed": 3}), tmp_path, resume=True),
                folder=str(tmp_path), changes="-  seed: 0 +  seed: 3")


def test_an_output_folder_that_cannot_be_written(make_recipe, tmp_path):
    (tmp_path / "taken").write_text("")
    check_error(lambda: _fit(make_recipe(), tmp_path / "taken"), folder=str(tmp_path / "taken"))
    assert (tmp_path / "taken").read_text() == ""


@pytest.mark.parametrize(("train", "model"), [
    ({}, {"dtype": "mixed_float16"}), ({}, {"dtype": "mixed_bfloat16"}),
    ({"accumulate": 2, "average": 0.5}, {})])
def test_ways_to_train(make_recipe, tmp_path, train, model):
    run = _fit(make_recipe(train, model, {"validation": 0.6}), tmp_path / "run")
    assert np.isfinite(run.history["loss"] + run.history["val_loss"]).all()
    assert array(run.model.get_layer("logits").kernel).any()  # which began at zero


def test_rematerialised_activations_give_the_same_run(make_recipe, tmp_path):
    plain, again = (
        _fit(make_recipe(model={"rematerialise": on}), tmp_path / str(on)) for on in (False, True))
    assert again.history["loss"] == pytest.approx(plain.history["loss"], rel=1e-6)
    for left, right in zip(plain.model.weights, again.model.weights, strict=True):
        np.testing.assert_allclose(array(right), array(left), atol=1e-5)
    if keras.backend.backend() != "jax":  # which draws the same masks again
        check_error(lambda: _fit(make_recipe(model={"rematerialise": True, "drop_path": 0.5,
                                                    "num_layers": 2}), tmp_path / "drop"),
                    block="block_1", shares=(0.0, 0.0, 0.5))


def test_a_finished_run_is_replaced_only_where_that_is_asked(make_recipe, tmp_path):
    out = tmp_path / "run"
    _fit(make_recipe(), out)
    (out / "mine.tflite").write_text("")
    other = make_recipe({"seed": 7})
    before = (out / "model.keras").read_bytes()
    check_error(lambda: _fit(other, out), folder=str(out), overwrite=False)
    check_error(lambda: _fit(make_recipe({"batch_size": 99}), out, overwrite=True),
                batch_size=99, training_examples=32)
    assert (out / "model.keras").read_bytes() == before   # a mistake costs nothing
    run = _fit(other, out, overwrite=True)
    assert run.history["loss"] == _fit(other, tmp_path / "fresh").history["loss"]
    assert training.read(out / "recipe.yaml") == other
    assert len(list((out / "logs/train").iterdir())) == 1
    assert (out / "mine.tflite").exists()


def test_a_finished_run_goes_on_for_more_epochs(make_recipe, tmp_path):
    """At a rate that does not depend on the length it ends like a run that was as long at once."""
    settings = {"schedule": "staircase", "drops": (), "warmup": 0.0, "average": 0.9}
    out = tmp_path / "run"
    _fit(make_recipe({**settings, "epochs": 2}), out)
    longer = make_recipe({**settings, "epochs": 3})
    check_error(lambda: _fit(longer, out), overwrite=False)
    run = _fit(longer, out, resume=True)
    at_once = _fit(longer, tmp_path / "at_once")
    assert run.history["loss"] == at_once.history["loss"]
    assert run.history["val_loss"] == at_once.history["val_loss"]
    for one, other in zip(run.model.get_weights(), at_once.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "epochs = 3\n" in (out / "card.toml").read_text()


def test_what_cannot_go_on_for_more_epochs(make_recipe, tmp_path):
    out = tmp_path / "run"
    settings = {"patience": 1, "learning_rate": 1e-30}
    recipe = make_recipe({**settings, "epochs": 5}, data={"validation": 0.6})
    assert len(_fit(recipe, out).history["loss"]) == 2
    more = make_recipe({**settings, "epochs": 7}, data={"validation": 0.6})
    check_error(lambda: _fit(more, out, resume=True), patience=1, best_epoch=1, epochs=2)
    states.keep(out / "states", 0)
    check_error(lambda: _fit(more, out, resume=True), states=0)
    check_error(lambda: _fit(make_recipe(settings, data={"validation": 0.6}), out, resume=True),
                changes="-  epochs: 5 +  epochs: 1")


def test_what_a_training_begins_with_is_told(make_recipe, tmp_path, capsys):
    training.fit(make_recipe(), tmp_path / "run", "none")
    told = capsys.readouterr().out
    assert "training examples: 32  validation: 8" in told
    assert "classes: 2 (dark 16, light 16)" in told or "classes: 2 (dark " in told
    assert "steps: 1 epochs of 4, 8 examples each" in told
    assert "note: 8 validation examples say little; one of them is 12%" in told


def test_patience_ends_a_run(make_recipe, tmp_path):
    """Without a step that moves anything the first epoch stays the best."""
    recipe = make_recipe({"epochs": 9, "patience": 2, "learning_rate": 1e-30}, data={
        "validation": 0.6})
    assert len(_fit(recipe, tmp_path / "run").history["loss"]) == 3


def test_a_trained_model_is_gone_on_from_with_parts_frozen(make_recipe, tmp_path, rng):
    path = tmp_path / "start.keras"
    recipe = make_recipe({"start": str(path), "freeze": ("patches",), "layer_decay": 0.5})
    start = recipe.model.build(2)
    start.set_weights([0.1 * normal(rng, *weight.shape) for weight in start.weights])
    start.save(path)
    model = _fit(recipe, tmp_path / "run").model
    for name, same in (("patches", True), ("block_0", False), ("logits", False)):
        pairs = zip(start.get_layer(name).get_weights(), model.get_layer(name).get_weights(),
                    strict=True)
        assert all(np.array_equal(old, new) for old, new in pairs) == same


def test_a_training_of_so_many_steps_has_epochs_of_equal_parts(make_recipe, tmp_path):
    """32 images are 4 steps of 8; 6 steps in 2 epochs are 3 each, validated after each."""
    recipe = make_recipe({"steps": 6, "epochs": 2, "checkpoint_every": 2})
    run = _fit(recipe, tmp_path / "whole")
    assert len(run.history["val_loss"]) == 2
    for speed, seconds in zip(run.history["examples_per_s"], run.history["seconds"], strict=True):
        assert speed == pytest.approx(3 * 8 / seconds)
    # As many epochs of another length are the same steps.
    again = _fit(make_recipe({"steps": 6, "epochs": 3}), tmp_path / "again")
    for one, other in zip(run.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_steps_that_the_epochs_do_not_divide(make_recipe):
    with pytest.raises(ValueError, match="divided by the 4 epochs"):
        make_recipe({"steps": 6, "epochs": 4})


def test_any_trained_model_goes_on_with_a_new_head_at_another_size(source, tmp_path, rng):
    start = models.vit("nano", 8, (8, 8, 3), 5, num_layers=1, num_heads=2, embed_dim=12, mlp_dim=17,
                       representation_dim=7)
    start.set_weights([normal(rng, *weight.shape) for weight in start.weights])
    start.save(tmp_path / "start.keras")
    recipe = check({
        "model": {"architecture": "trained", "weights": str(tmp_path / "start.keras"),
                  "sha256": digest(tmp_path / "start.keras"), "image_shape": (16, 16, 3)},
        "data": {"source": source, "split": "train+validation", "validation": 0},
        "train": {"epochs": 1, "steps": 3, "batch_size": 8, "optimizer": "sgd", "xla": False,
                  "learning_rate": 0.01, "warmup": 0, "clip_norm": None, "clip_all": 1.0}})
    run = _fit(recipe, tmp_path / "run")
    assert (run.model.output_shape, run.model.input_shape) == ((None, 2), (None, 16, 16, 3))
    card = (tmp_path / "run" / "card.toml").read_text()
    assert "training_examples = 46\n" in card
    assert f'weights = "{tmp_path / "start.keras"}"' in card
    assert training.read(tmp_path / "run" / "recipe.yaml") == recipe
    moved = [name for name in ("patches", "block_0", "norm") if any(
        (old != new).any() for old, new in zip(
            start.get_layer(name).get_weights(), run.model.get_layer(name).get_weights(),
            strict=True))]
    assert moved == ["patches", "block_0", "norm"]
    (tmp_path / "start.keras").write_bytes(b"another")
    check_error(lambda: _fit(recipe, tmp_path / "other"), sha256=recipe.model.sha256)
