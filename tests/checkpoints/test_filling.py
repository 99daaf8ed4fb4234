"""Weights that are filled before they are made."""

import keras
import numpy as np

from keras_seqattn import models
from keras_seqattn.checkpoints.filling import Filling


class _Counted(keras.initializers.Initializer):
    def __init__(self):
        self.calls = 0

    def __call__(self, shape, dtype=None):
        self.calls += 1
        return keras.ops.ones(shape, dtype)


def test_what_is_assigned_is_the_first_value_and_nothing_else_is_drawn():
    filled, left = _Counted(), _Counted()
    with Filling():
        dense = keras.layers.Dense(3, kernel_initializer=filled, bias_initializer=left)
        dense.build((None, 2))
        dense.kernel.assign(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(dense.kernel, np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(dense.bias, np.ones(3))
    assert (filled.calls, left.calls) == (0, 1)


def test_models_trained_and_saved_afterwards(rng, tmp_path):
    with Filling():
        model = models.vit("nano", 8, (16, 16, 3), 5, num_layers=1, dropout=0.1)
        for weight in model.weights:
            weight.assign(np.full(weight.shape, 0.1))
    images = rng.normal(size=(4, 16, 16, 3)).astype("float32")
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, np.arange(4), epochs=1, verbose=0)
    assert not np.allclose(model.get_layer("logits").bias, 0.1)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(images),
                                  model(images))
