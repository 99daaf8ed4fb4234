"""`keras_seqattn.training.tasks.transfer`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal

from keras_seqattn import models
from keras_seqattn.testing import check_error
from keras_seqattn.training.tasks import transfer


def _vit(side=16, classes=5, **settings):
    return models.vit("nano", 8, (side, side, 3), classes, **{
        "num_layers": 1, "num_heads": 2, "embed_dim": 12, "mlp_dim": 17, **settings})


@pytest.fixture
def trained(rng):
    """A model whose every weight is drawn, so that a fresh one differs everywhere."""
    def draw(model):
        model.set_weights([normal(rng, *weight.shape) for weight in model.weights])
        return model
    return draw


@pytest.mark.parametrize("settings", [{}, {"stem": "conv", "pooling": "mean"}])
def test_the_same_model_is_copied(trained, rng, settings):
    source, target = trained(_vit(**settings)), _vit(**settings)
    transfer.transfer(source, target)
    for old, new in zip(source.get_weights(), target.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    images = normal(rng, 2, 16, 16, 3)
    np.testing.assert_array_equal(array(source(images)), array(target(images)))


def test_other_classes_keep_a_fresh_head(trained):
    source, target = trained(_vit()), trained(_vit(classes=7))
    head = target.get_layer("logits").get_weights()
    transfer.transfer(source, target)
    for name in ("patches", "positions", "block_0", "norm"):
        for old, new in zip(source.get_layer(name).get_weights(),
                            target.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(target.get_layer("logits").get_weights()[0], head[0])


@pytest.mark.parametrize(("pooling", "front"), [("token", 1), ("mean", 0)])
def test_positions_are_resized_with_the_image(trained, pooling, front):
    source, target = trained(_vit(16, pooling=pooling)), _vit(24, pooling=pooling)
    transfer.transfer(source, target)
    old, new = (model.get_layer("positions").get_weights()[0] for model in (source, target))
    assert new.shape == (9 + front, 12)
    np.testing.assert_array_equal(new[:front], old[:front])
    # The corners of 3x3 lie beyond the centres of 2x2, the middle of it between all four.
    for corner, place in ((0, 0), (2, 1), (6, 2), (8, 3)):
        assert_close(new[front + corner], old[front + place])
    assert_close(new[front + 4], old[front:].mean(0))
    assert_close(new[front + 1], old[front:front + 2].mean(0))


def test_pictures_need_not_be_square(trained):
    source, target = trained(_vit(16)), models.vit(
        "nano", 8, (16, 40, 3), 5, num_layers=1, num_heads=2, embed_dim=12, mlp_dim=17)
    transfer.transfer(source, target)
    old, new = (model.get_layer("positions").get_weights()[0] for model in (source, target))
    assert_close(new[1:].reshape(2, 5, 12)[:, 2], old[1:].reshape(2, 2, 12).mean(axis=1))


def test_other_tokens_in_front(trained):
    check_error(lambda: transfer.transfer(trained(_vit(16)), _vit(24, num_registers=2)),
                missing="registers")
    check_error(lambda: transfer.transfer(trained(_vit(24, class_token=True, pooling="mean")),
                                          _vit(16, pooling="mean")), stored=1, wanted=0)


def test_a_layer_that_is_missing(trained):
    check_error(lambda: transfer.transfer(trained(_vit()), _vit(num_layers=2)),
                missing="block_1", source_model="vit")


def test_a_layer_of_another_shape(trained):
    source, target = trained(_vit()), _vit(stem="conv")
    stored = [weight.shape for weight in source.get_layer("patches").get_weights()]
    check_error(lambda: transfer.transfer(source, target), layer="patches", stored=stored)


def _moving(model):
    return {weight.path for weight in model.trainable_weights}


def test_what_is_frozen_does_not_train():
    model = _vit(num_layers=4)
    every = _moving(model)
    transfer.freeze(model, ["patches", "block_[0-2]"])
    assert every - _moving(model) == {
        path for path in every if path.startswith(("patches/", "block_0/", "block_1/", "block_2/"))}
    assert any(path.startswith("block_3/") for path in _moving(model))


@pytest.mark.parametrize("pattern", ["block_7", "norms", "pool", "dropout"])
def test_a_pattern_that_matches_nothing_that_has_weights(pattern):
    check_error(lambda: transfer.freeze(_vit(), ["patches", pattern]), freeze=pattern)


def test_lora_trains_the_head_and_products_of_low_rank_only(rng, trained):
    model = trained(_vit())
    images = normal(rng, 2, 16, 16, 3)
    before = array(model(images))
    transfer.enable_lora(model, 3)
    np.testing.assert_array_equal(array(model(images)), before)
    names = [path.split("/")[-1] for path in _moving(model) if not path.startswith("logits/")]
    assert set(names) == {"lora_kernel_a", "lora_kernel_b"}
    assert len(names) == 2 * 6  # query, key, value, output and the two of the feed-forward
    assert {path for path in _moving(model) if path.startswith("logits/")} == {
        "logits/kernel", "logits/bias"}
    products = [weight for weight in model.trainable_weights if "lora" in weight.name]
    assert {weight.shape[-1] for weight in products if weight.name.endswith("_a")} == {3}
    assert {weight.shape[0] for weight in products if weight.name.endswith("_b")} == {3}


def test_lora_is_refused_where_it_would_change_nothing():
    bit = models.bit("r50x1", (16, 16, 3), 5, num_layers=(1,), width=8, num_groups=2)
    check_error(lambda: transfer.enable_lora(bit, 3), lora_rank=3)
    assert len(bit.trainable_weights) == len(bit.weights)


def test_a_step_with_lora_moves_nothing_else(rng, trained):
    model = trained(_vit())
    transfer.enable_lora(model, 3)
    before = {weight.path: array(weight) for weight in model.weights}
    model.compile("sgd", "mse")
    model.train_on_batch(normal(rng, 4, 16, 16, 3), normal(rng, 4, 5))
    moved = {path for path, old in before.items()
             if (old != array(next(w for w in model.weights if w.path == path))).any()}
    assert moved == {path for path in before if path.startswith("logits/") or (
        path.endswith("lora_kernel_b"))}  # the first step moves b alone, since b was zero


def test_a_source_of_other_layers_names_the_first_that_is_missing():
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="logits")], name="mlp")
    check_error(lambda: transfer.transfer(other, _vit()), missing="patches", source_model="mlp")


def test_the_size_of_its_own_is_left_alone():
    model = _vit(16)
    assert transfer.at_size(model, (16, 16, 3)) is model


@pytest.mark.parametrize("settings", [{}, {"pooling": "mean", "position": "sinusoidal"}])
def test_a_transformer_at_another_size_has_its_other_weights(trained, settings):
    source = trained(_vit(16, **settings))
    larger = transfer.at_size(source, (24, 32, 3))
    assert larger.input_shape == (None, 24, 32, 3)
    for layer in source.layers:
        if layer.name != "positions":
            for old, new in zip(layer.get_weights(), larger.get_layer(layer.name).get_weights(),
                                strict=True):
                np.testing.assert_array_equal(old, new)


def test_convolutions_at_another_size_compute_the_same(trained, rng):
    images = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(5, 3, padding="same")(images)
    x = keras.layers.GlobalAveragePooling2D()(x)
    source = trained(keras.Model(images, keras.layers.Dense(2, name="logits")(x)))
    larger = transfer.at_size(source, (12, 16, 3))
    assert larger.input_shape == (None, 12, 16, 3)
    even = np.tile(normal(rng, 2, 1, 1, 3), (1, 16, 16, 1))
    assert (np.abs(array(larger(even[:, :12]))) > 1e-3).any()
    for old, new in zip(source.get_weights(), larger.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("settings", [{}, {"representation_dim": 11}, {"distillation": True}])
def test_the_head_and_what_leads_to_it_alone_are_replaced(trained, rng, settings):
    source = trained(_vit(**settings))
    features, other = transfer.without_head(source), transfer.with_head(source, 7)
    images = normal(rng, 2, 16, 16, 3)
    assert features.output_shape == (None, 12)
    assert other.output_shape == (None, 7)
    np.testing.assert_array_equal(array(other(images)), np.zeros((2, 7)))
    kernel = normal(rng, 12, 7)
    other.get_layer("logits").set_weights([kernel, np.zeros(7)])
    assert_close(other(images), array(features(images)) @ kernel, atol=1e-4)
    assert not {"pre_logits", "distillation_logits"} & {layer.name for layer in other.layers}


def test_a_model_of_features_gets_a_head(trained, rng):
    source = trained(_vit(classes=0))
    images = normal(rng, 2, 16, 16, 3)
    assert transfer.without_head(source) is source
    assert array(transfer.with_head(source, 3)(images)).tolist() == [[0, 0, 0]] * 2


def test_a_model_of_tokens_has_no_place_for_a_head():
    check_error(lambda: transfer.with_head(_vit(classes=0, pooling="none"), 3), model="vit",
                outputs=[(None, 4, 12)])
