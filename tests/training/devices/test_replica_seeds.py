"""`keras_seqattn.training.devices.replica_seeds`: no two replicas drop the same."""

import os
import subprocess
import sys
import textwrap

import keras
import pytest

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of tf.distribute")


def test_each_replica_drops_other_units_and_the_states_stay_alike():
    """Keras alone gives both replicas one mask."""
    code = """
        import tensorflow as tf
        cpu, = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        import keras, numpy as np
        from keras_seqattn import training
        from keras_seqattn.training.devices import replica_seeds
        devices = training.strategy("mirrored")
        with devices.scope():
            model = keras.Sequential([keras.Input((97,)), keras.layers.Dropout(0.5, seed=3)])
        run = devices._distribute.run
        def masks():
            dropped = tf.function(lambda: model(tf.ones((1, 97)), training=True))
            return [each.numpy() for each in run(dropped).values]
        one, other = masks()
        print((one == other).mean())
        replica_seeds.adapt(model)
        one, other = masks()
        print((one == other).mean())
        states = model.layers[-1].seed_generator.state.value.values
        print([each.numpy().tolist() for each in states])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=300,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"})
    same, apart, states = done.stdout.splitlines()[-3:]
    assert float(same) == 1.0
    assert 0.3 < float(apart) < 0.7   # half of 97 agree by chance
    assert states == "[[3, 2], [3, 2]]", done.stderr
