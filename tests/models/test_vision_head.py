"""`keras_seqattn.models.vision_head`, and the parts before it that go with no other."""

import keras
import numpy as np
from arrays import array, normal
from tolerances import FLOAT32

from keras_seqattn import models
from keras_seqattn.testing import check_error

SMALL = {"num_layers": 1, "num_heads": 2, "embed_dim": 6, "mlp_dim": 7}


def test_the_class_token_beside_the_mean_of_the_patches(rng):
    model = models.vit("nano", 2, (4, 6, 3), 0, pooling="token_mean", num_registers=2, **SMALL)
    x = normal(rng, 2, 4, 6, 3)
    tokens = array(keras.Model(model.input, model.get_layer("norm").output)(x))
    expected = np.concatenate([tokens[:, 0], tokens[:, 3:].mean(axis=1)], axis=-1)
    np.testing.assert_allclose(array(model(x)), expected, atol=FLOAT32)


def test_without_a_last_norm_and_without_biases_of_the_head(rng):
    model = models.vit("nano", 2, (4, 6, 3), 5, pooling="mean", last_norm=False,
                       use_head_bias=False, **SMALL)
    assert model.get_layer("norm").weights == []
    assert len(model.get_layer("logits").weights) == 1


def test_parts_that_do_not_go_together():
    def build(**options):
        return lambda: models.vit("nano", 2, (4, 6, 3), 5, **SMALL, **options)

    check_error(build(stem="conv", use_patch_bias=False), stem="conv", use_patch_bias=False)
    check_error(build(locality=True, gated=True), locality=True, gated=True)
    check_error(build(pooling="token_mean", class_token=False), pooling="token_mean")
