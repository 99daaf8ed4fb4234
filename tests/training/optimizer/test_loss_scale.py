"""`keras_seqattn.training.optimizer.loss_scale`: small gradients survive float16."""

import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from arrays import array, assert_close

from keras_seqattn import models
from keras_seqattn.training.optimizer import optimizer
from keras_seqattn.training.optimizer.loss_scale import LossScale, computes_in_float16
from keras_seqattn.training.optimizer.optimizer import SGD
from keras_seqattn.training.recipe.train_section import TrainSection


@pytest.mark.parametrize(("dtype", "scaled"), [
    ("mixed_float16", True), ("mixed_bfloat16", False), ("float32", False)])
def test_a_model_in_float16_is_scaled(dtype, scaled):
    model = models.vit("nano", 8, (16, 16, 3), 5, num_layers=1, num_heads=2, embed_dim=12,
                       mlp_dim=17, dtype=dtype)
    assert computes_in_float16(model) is scaled
    made = optimizer.make(model, TrainSection(epochs=1), 7)
    assert isinstance(made, LossScale) is scaled


def test_scaled_gradients_give_the_step_of_their_true_size_and_an_overflow_none():
    weight = keras.Variable([1.0, 2.0])
    scaled = LossScale(SGD(0.5))
    scaled.build([weight])
    scale = float(scaled.dynamic_scale)
    scaled.apply([keras.ops.array([scale, 2 * scale])], [weight])
    assert_close(array(weight), [0.5, 1.0])
    scaled.apply([keras.ops.array([np.inf, 1.0])], [weight])
    assert_close(array(weight), [0.5, 1.0])
    assert float(scaled.dynamic_scale) == scale / 2


def test_the_configuration_rebuilds_it():
    again = keras.optimizers.deserialize(keras.optimizers.serialize(LossScale(SGD(0.5))))
    assert isinstance(again, LossScale)
    assert isinstance(again.inner_optimizer, SGD)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of tf.distribute")
def test_an_overflow_on_any_replica_is_a_step_of_none():
    """Gradients 1 and 1 of two replicas at rate 0.5: a step of 1. One that is infinite: none.

    At momentum 0.9 the next step is 0.5 · (0.9 · 2 + 2) = 1.9.
    """
    code = """
        import tensorflow as tf
        cpu, = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        import keras
        from keras_seqattn import training
        from keras_seqattn.training.optimizer.loss_scale import LossScale
        from keras_seqattn.training.optimizer.optimizer import SGD
        devices = training.strategy("mirrored")
        with devices.scope():
            weight = keras.Variable([7.0])
            scaled = LossScale(SGD(0.5))
            scaled.build([weight])
        @tf.function
        def step(bad):
            def one():
                replica = tf.distribute.get_replica_context().replica_id_in_sync_group
                own = tf.where(tf.equal(replica, bad), float("inf"), 1.0)
                scaled.apply([tf.reshape(own, (1,)) * scaled.dynamic_scale.value], [weight])
            devices._distribute.run(one)
        for bad in (9, 1, 0, 9):
            step(tf.constant(bad))
            print(f"{weight.numpy()[0]:.3f} {scaled.dynamic_scale.numpy() / 2 ** 15}")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=300,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"})
    assert done.stdout.splitlines()[-4:] == [
        "6.000 1.0", "6.000 0.5", "6.000 0.25", "4.100 0.25"], done.stderr
