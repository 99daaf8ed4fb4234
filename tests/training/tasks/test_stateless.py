"""`keras_seqattn.training.tasks.stateless`."""

import keras
import numpy as np
import pytest
from arrays import array, normal

from keras_seqattn import models
from keras_seqattn.layers import FeedForward
from keras_seqattn.training.tasks.rematerialisation import rematerialise
from keras_seqattn.training.tasks.scan import scan_blocks
from keras_seqattn.training.tasks.stateless import keep_state, stateless, values_of


def test_it_is_the_call_and_what_the_call_changes(rng):
    layer, twin = (FeedForward(7, dropout=0.5, seed=3) for _ in range(2))
    x = keras.ops.convert_to_tensor(normal(rng, 2, 5, 3))
    for each in (layer, twin):
        each.build(x.shape)
    twin.set_weights(layer.get_weights())
    before = [array(each) for each in layer.variables]
    outputs, state = stateless(layer, layer.call)(values_of(layer), x, training=True)
    for variable, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(array(variable), value)
    np.testing.assert_allclose(array(outputs), array(twin(x, training=True)), atol=1e-6)
    keep_state(layer, state)
    for one, other in zip(layer.variables, twin.variables, strict=True):
        np.testing.assert_array_equal(array(one), array(other))


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="how JAX computes again and loops")
@pytest.mark.parametrize("change", [rematerialise, scan_blocks])
def test_frozen_weights_are_not_rounded(rng, change):
    model = models.vit("nano", 8, (16, 16, 3), 5, num_layers=2, dropout=0.5, dtype="mixed_bfloat16")
    model.set_weights([normal(rng, *weight.shape) for weight in model.weights])
    for i in range(2):
        model.get_layer(f"block_{i}").trainable = False
    change(model)
    frozen = [array(weight) for weight in model.get_layer("block_1").weights]
    model.compile("sgd", "mse")
    model.train_on_batch(normal(rng, 2, 16, 16, 3), normal(rng, 2, 5))
    for weight, before in zip(model.get_layer("block_1").weights, frozen, strict=True):
        np.testing.assert_array_equal(array(weight), before)
