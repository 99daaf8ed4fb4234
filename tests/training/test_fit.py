"""`keras_seqattn.training.fit`."""

import csv

import keras
import numpy as np
import pytest
from keras import ops

from keras_seqattn import data, models, training
from keras_seqattn.data.batches import scale
from keras_seqattn.testing import check_error
from keras_seqattn.training.fit import UNDECAYED, compile_model, pixel_statistics, split
from keras_seqattn.training.recipe import Recipe

PIL = pytest.importorskip("PIL.Image")


@pytest.fixture
def source(tmp_path, rng):
    """Two classes that differ in brightness: easy to learn in a few steps."""
    for name, level in (("dark", 40), ("light", 200)):
        for name_of_split, count in (("train", 20), ("test", 5)):
            folder = tmp_path / "data" / name_of_split / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(level - 30, level + 30, size=(16, 16, 3)).astype("uint8")
                PIL.fromarray(pixels).save(folder / f"{i}.png")
    return f"folder:{tmp_path}/data"


def _recipe(source, **train):
    return Recipe.model_validate({
        "model": {"size": "nano", "patch_size": 8, "image_shape": (16, 16, 3), "num_layers": 1,
                  "num_heads": 2, "embed_dim": 12, "mlp_dim": 17, "pooling": "mean"},
        "data": {"source": source, "validation": 0.2, "augment": ("flip", "shift"),
                 "standardise": True},
        "train": {"epochs": 5, "batch_size": 8, "learning_rate": 0.01, **train}})


def test_a_run_learns_and_leaves_what_it_says(source, tmp_path):
    run = training.fit(_recipe(source), tmp_path / "run")
    assert run.classes == ("dark", "light")
    assert len(run.history["loss"]) == 5
    assert run.seconds > 0
    assert run.images_per_s == pytest.approx(32 * 5 / run.seconds)
    test = data.load(source, "test", (16, 16, 3))
    loaded = models.load(tmp_path / "run")
    logits = ops.convert_to_numpy(loaded(scale(test.images)))
    np.testing.assert_allclose(
        logits, ops.convert_to_numpy(run.model(scale(test.images))), atol=1e-6)
    assert (logits.argmax(-1) == test.labels).all()
    assert models.labels(tmp_path / "run") == ["dark", "light"]
    assert training.read(tmp_path / "run" / "recipe.yaml") == _recipe(source)
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == pytest.approx(run.history["loss"], rel=1e-5)
    assert list((tmp_path / "run" / "logs").rglob("*tfevents*"))
    assert not list((tmp_path / "run").glob("*.h5"))
    assert not keras.saving.load_model(tmp_path / "run" / "model.keras").compiled


def test_the_weights_of_the_best_epoch_are_kept(source, tmp_path):
    """A learning rate that destroys the model later must not destroy what was best."""
    run = training.fit(_recipe(source, learning_rate=1.0, warmup=0.99, clip_norm=None, epochs=6),
                       tmp_path / "run")
    examples = data.load(source, "train", (16, 16, 3))
    _, validation = split(examples, 0.2, 0)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)(
        keras.utils.to_categorical(validation.labels, 2), run.model(scale(validation.images)))
    assert float(loss) == pytest.approx(min(run.history["val_loss"]), rel=1e-4)
    assert min(run.history["val_loss"]) < run.history["val_loss"][-1]


def test_the_same_seed_gives_the_same_run(source, tmp_path):
    first, twin = (training.fit(_recipe(source, epochs=2), tmp_path / name) for name in "ab")
    assert first.history["loss"] == pytest.approx(twin.history["loss"], rel=1e-6)
    other = training.fit(_recipe(source, epochs=2, seed=1), tmp_path / "c")
    assert first.history["loss"] != pytest.approx(other.history["loss"], rel=1e-3)


def test_split_keeps_every_example_once(source):
    examples = data.load(source, "train")
    kept, cut = split(examples, 0.25, seed=3)
    assert (len(kept.labels), len(cut.labels)) == (30, 10)
    together = sorted(image.tobytes() for part in (kept, cut) for image in part.images)
    assert together == sorted(image.tobytes() for image in examples.images)
    assert len(split(examples, 0.0, seed=3)[1].labels) == 0


def test_a_run_without_validation(source, tmp_path):
    recipe = _recipe(source, epochs=2)
    recipe = recipe.model_copy(update={
        "data": recipe.data.model_copy(update={"validation": 0.0})})
    run = training.fit(recipe, tmp_path / "run")
    assert set(run.history) == {"accuracy", "loss"}


def test_learning_rate_rises_then_falls_to_zero(source):
    settings = _recipe(source, warmup=0.2, learning_rate=0.5).train
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    compile_model(model, settings, num_steps=100)
    rate = [float(model.optimizer._learning_rate(step)) for step in range(101)]
    assert rate[0] == 0.0
    assert rate[10] == pytest.approx(0.25)
    assert rate[20] == pytest.approx(0.5)
    assert rate[60] == pytest.approx(0.25)
    assert rate[100] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("pooling", ["token", "mean"])
def test_only_matrices_decay(source, pooling):
    model = models.vit("nano", 8, (16, 16, 3), 2, pooling=pooling, num_layers=1)
    compile_model(model, _recipe(source).train, num_steps=10)
    decayed = {weight.path for weight in model.trainable_weights
               if model.optimizer._use_weight_decay(weight)}
    assert decayed == {weight.path for weight in model.trainable_weights
                       if weight.path.endswith("kernel")}
    assert {w.name for w in model.trainable_weights} - {"kernel"} <= UNDECAYED


def test_an_output_folder_that_cannot_be_written(source, tmp_path):
    (tmp_path / "taken").write_text("")
    check_error(lambda: training.fit(_recipe(source), tmp_path / "taken"),
                folder=str(tmp_path / "taken"))
    assert (tmp_path / "taken").read_text() == ""


def test_a_standardised_model_takes_the_usual_scale(source):
    """Its first layer brings the training images to mean 0 and deviation 1, channel by channel."""
    images = data.load(source, "train").images
    model = _recipe(source).model.build(2, **pixel_statistics(images))
    inner = keras.Model(model.input, model.get_layer("standardise").output)
    standard = ops.convert_to_numpy(inner(scale(images)))
    np.testing.assert_allclose(standard.mean(axis=(0, 1, 2)), np.zeros(3), atol=1e-4)
    np.testing.assert_allclose(standard.std(axis=(0, 1, 2)), np.ones(3), atol=1e-4)
