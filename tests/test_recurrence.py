"""`keras_seqattn.recurrence`. XLA's part is held on TensorFlow, where it refuses Keras' loop."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal
from keras import ops

from keras_seqattn.recurrence import states

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="Keras' loops differentiate elsewhere")


def _fade(state, new):
    return {"sum": state["sum"] * 0.5 + new["x"], "turns": state["turns"] + new["counted"]}


def _inputs(rng):
    return ({"sum": ops.zeros((2, 3)), "turns": ops.zeros((), "int32")},
            {"x": normal(rng, 5, 2, 3), "counted": np.array([1, 0, 1, 1, 0], "int32")})


def test_states_by_hand(rng):
    first, sequence = _inputs(rng)
    made = states(_fade, first, {name: ops.array(each) for name, each in sequence.items()})
    total = np.zeros((2, 3))
    for t in range(5):
        total = total * 0.5 + sequence["x"][t]
        assert_close(made["sum"][t], total)
    assert array(made["turns"]).tolist() == [1, 1, 2, 3, 3]


@on_tensorflow
def test_a_loop_inside_a_step_has_a_length_of_its_own():
    """Sums of 1, 1 + 2, 1 + 2 + 3 over sequences longer than the outer one."""
    def step(state, new):
        inner = states(lambda inner, each: {"sum": inner["sum"] + each["y"]},
                       {"sum": ops.zeros(())}, {"y": ops.ones((7,)) * new["x"]})
        return {"sum": state["sum"] + inner["sum"][-1]}

    made = states(step, {"sum": ops.zeros(())}, {"x": ops.array([1.0, 2.0, 3.0])})
    assert array(made["sum"]).tolist() == [7.0, 21.0, 42.0]


@on_tensorflow
@pytest.mark.parametrize("length", [5, None])
def test_gradients_compiled_by_xla(rng, length):
    import tensorflow as tf

    first, sequence = _inputs(rng)
    counted = tf.constant(sequence["counted"])

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(states(_fade, first, {"x": x, "counted": counted})["sum"] ** 2)
        return tape.gradient(total, x)

    signature = [tf.TensorSpec((length, None, 3))]
    plain, compiled = (tf.function(gradient, signature, jit_compile=jit)(sequence["x"])
                       for jit in (False, True))
    assert_close(compiled, plain)
    assert_close(plain, gradient(tf.constant(sequence["x"])))
