"""Weights that are filled before they are made."""

import gc

import keras
import numpy as np
import pytest

from keras_seqattn import models
from keras_seqattn.checkpoints.files.ahead import empty
from keras_seqattn.checkpoints.weights.filling import Filling, hand_over


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


def test_the_garbage_collector_works_again_afterwards():
    with Filling():
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.parametrize("even", [True, False])
def test_memory_handed_over_is_trained_like_any_other(rng, even):
    numbers = rng.normal(size=(3, 5)).astype("float32")
    array = empty((3, 5), numbers.dtype) if even else np.empty((3, 5), "float32", order="F")
    array[...] = numbers
    trained = []
    for give in (hand_over, lambda weight, array: weight.assign(array.copy())):
        with Filling():
            dense = keras.layers.Dense(5, use_bias=False)
            dense.build((None, 3))
            give(dense.kernel, array)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(dense.kernel), numbers)
        model = keras.Sequential([keras.Input((3,)), dense])
        model.compile(keras.optimizers.Adam(0.1), "mse")
        model.fit(np.ones((7, 3)), np.ones((7, 5)), batch_size=7, epochs=2, verbose=0)
        trained.append(keras.ops.convert_to_numpy(dense.kernel).copy())
        array[...] = numbers
    assert not np.allclose(trained[0], numbers)
    np.testing.assert_array_equal(*trained)


def test_memory_handed_over_is_not_copied():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("what other backends do with memory is theirs")
    array = empty((3, 5), np.dtype("float32"))
    array[...] = 1
    with Filling():
        dense = keras.layers.Dense(5)
        dense.build((None, 3))
        hand_over(dense.kernel, array)
    array[1, 2] = 7
    assert float(dense.kernel[1, 2]) == 7
