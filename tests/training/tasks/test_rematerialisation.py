"""`keras_seqattn.training.tasks.rematerialisation`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal

from keras_seqattn import models
from keras_seqattn.testing import check_error
from keras_seqattn.training.tasks.rematerialisation import rematerialise


def _vit(**settings):
    return models.vit("nano", 8, (16, 16, 3), 5, num_layers=2, num_heads=2, embed_dim=12,
                      mlp_dim=17, **settings)


def test_a_step_is_the_same(rng):
    plain, again = _vit(), _vit()
    plain.set_weights([0.1 * normal(rng, *weight.shape) for weight in plain.weights])
    again.set_weights(plain.get_weights())
    rematerialise(again)
    images, targets = normal(rng, 3, 16, 16, 3), normal(rng, 3, 5)
    for model in (plain, again):
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.train_on_batch(images, targets)
    for one, other in zip(plain.weights, again.weights, strict=True):
        assert_close(array(other), array(one), atol=1e-6)


def test_only_blocks_are_computed_again(monkeypatch):
    model = _vit()
    rematerialise(model)
    assert [layer.name for layer in model.layers if "call" in vars(layer)] == ["block_0", "block_1"]
    asked = []
    monkeypatch.setattr(keras, "remat", lambda call: asked.append(call) or call)
    model(np.zeros((1, 16, 16, 3), "float32"))
    assert len(asked) == 2


@pytest.mark.parametrize(("settings", "shares"), [
    ({"dropout": 0.1}, (0.1, 0.0, 0.0)), ({"attention_dropout": 0.2}, (0.0, 0.2, 0.0))])
def test_dropout_would_be_drawn_anew(settings, shares):
    check_error(lambda: rematerialise(_vit(**settings)), block="block_0", shares=shares)
