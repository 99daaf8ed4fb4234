"""`keras_seqattn.training.run_folder.journal`."""

import csv
import sys

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal

from keras_seqattn import models
from keras_seqattn.training.recipe.recipe import Recipe
from keras_seqattn.training.run_folder import journal
from keras_seqattn.training.tasks import transfer

HISTORY = {"loss": [2.5, 1 / 3], "val_loss": [3.0, 0.25], "accuracy": [0.1, 1.0]}


@pytest.fixture
def recipe():
    return Recipe.model_validate({
        "model": {"size": "nano", "image_shape": (16, 16, 3)},
        "data": {"source": "sample:eurosat", "augment": ("flip",)}, "train": {"epochs": 3}})


def _changed(recipe, **train):
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=train)})


def test_the_recipe_is_written_with_every_field(recipe, tmp_path):
    journal.write_recipe(recipe, tmp_path)
    text = (tmp_path / "recipe.yaml").read_text()
    assert "layer_decay: 1.0" in text  # a default
    assert journal.diff(recipe, tmp_path) == []


def test_a_difference_shows_both_lines(recipe, tmp_path):
    journal.write_recipe(recipe, tmp_path)
    assert journal.diff(_changed(recipe, epochs=5, accumulate=2), tmp_path) == [
        "-  epochs: 3", "+  epochs: 5", "-  accumulate: null", "+  accumulate: 2"]


def test_a_folder_without_a_recipe_differs_in_nothing(recipe, tmp_path):
    assert journal.diff(recipe, tmp_path) == []


def test_the_log_has_a_row_per_epoch(tmp_path):
    journal.write_log({name: values[:1] for name, values in HISTORY.items()}, tmp_path)
    journal.write_log(HISTORY, tmp_path)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", *HISTORY]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    for name, values in HISTORY.items():
        assert [float(row[name]) for row in rows] == values  # to the last bit


def test_curves_are_drawn_where_matplotlib_is(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    journal.write_curves(HISTORY, tmp_path)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(journal.importlib.util, "find_spec", lambda name: None)
    journal.write_curves(HISTORY, tmp_path / "without")
    assert not (tmp_path / "without").exists()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_the_card_is_toml(tmp_path):
    import tomllib

    sections = {
        "model": {"parameters": 7, "image_shape": [16, 16, 3]},
        "data": {"source": 'folder:C:\\a "b"', "classes": ["Wald é", "2"], "skipped": 0},
        "training": {"last_loss": 1 / 3, "best_val_accuracy": 1e-7}}
    journal.write_card(tmp_path, **sections, versions=journal.versions())
    read = tomllib.loads((tmp_path / "card.toml").read_text(encoding="utf-8"))
    assert read == {**sections, "versions": journal.versions()}


def test_versions_name_what_the_numbers_depend_on():
    versions = journal.versions()
    assert versions["keras"] == keras.__version__
    assert {"python", "keras_seqattn", "keras", "numpy", keras.backend.backend()} == set(versions)
    assert all(isinstance(version, str) for version in versions.values())


def _vit(**settings):
    return models.vit("nano", 8, (16, 16, 3), 5, num_layers=1, num_heads=2, embed_dim=12,
                      mlp_dim=17, **settings)


def test_a_saved_model_has_the_weights_and_no_optimizer(tmp_path, rng):
    model = _vit(pixel_mean=[0.1, 0.2, 0.3], pixel_std=[0.5, 0.6, 0.7])
    model.set_weights([normal(rng, *weight.shape) for weight in model.weights])
    model.compile("adam", "mse")
    images = normal(rng, 3, 16, 16, 3)
    model.train_on_batch(images, normal(rng, 3, 5))
    before = model.get_weights()
    journal.save_model(model, tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert not again.compiled
    np.testing.assert_array_equal(array(again(images)), array(model(images)))
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_products_of_lora_are_merged_into_an_ordinary_model(tmp_path, rng):
    model = _vit()
    model.set_weights([normal(rng, *weight.shape) for weight in model.weights])
    model.get_layer("logits").set_weights([normal(rng, 12, 5), normal(rng, 5)])
    transfer.enable_lora(model, 3)
    for weight in model.trainable_weights:
        if "lora" in weight.name:
            weight.assign(0.1 * normal(rng, *weight.shape))
    frozen = {weight.path: array(weight) for weight in model.weights}
    journal.save_model(model, tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    images = normal(rng, 2, 16, 16, 3)
    assert_close(again(images), model(images), atol=1e-4)
    plain = _vit()
    assert [weight.path for weight in again.weights] == [weight.path for weight in plain.weights]
    assert len(again.trainable_weights) == len(plain.trainable_weights)
    # One kernel by hand: its own numbers and the product.
    hidden = "block_0/feed_forward/hidden"
    merged = {weight.path: array(weight) for weight in again.weights}[f"{hidden}/kernel"]
    product = frozen[f"{hidden}/lora_kernel_a"] @ frozen[f"{hidden}/lora_kernel_b"]
    assert np.abs(product).max() > 0.01
    assert_close(merged, frozen[f"{hidden}/kernel"] + product)
    for weight in model.weights:  # the model that goes on training is as it was
        np.testing.assert_array_equal(array(weight), frozen[weight.path])
