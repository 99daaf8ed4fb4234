"""Gradients that XLA compiles on TensorFlow are held against those that it does not."""

import keras
import pytest
from arrays import assert_close

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="JAX compiles every step")


def check_gradients(model, call, inputs):
    """Holds the gradients of `call(inputs)`, whose first two axes are unknown, as in `fit`."""
    import tensorflow as tf

    inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
    call(inputs)
    variables = [each.value for each in model.trainable_variables]

    def gradients(inputs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(call(inputs) ** 2) + sum(model.losses)
        return [tf.convert_to_tensor(each) for each in tape.gradient(loss, variables)]

    opened = {name: tf.TensorSpec((None, None, *each.shape[2:]), each.dtype)
              for name, each in inputs.items()}
    plain, compiled = (tf.function(gradients, [opened], jit_compile=jit)(inputs)
                       for jit in (False, True))
    assert any(abs(each).numpy().max() > 1e-4 for each in plain)
    for found, wanted in zip(compiled, plain, strict=True):
        assert_close(found, wanted)
