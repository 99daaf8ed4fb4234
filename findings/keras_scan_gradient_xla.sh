#!/usr/bin/env bash
# Software: Keras 3.15.1 with TensorFlow 2.21.0.
#
# Behaviour: on TensorFlow, XLA compiles a loop of `keras.ops.scan`, and refuses its gradient, even
# where the length of the sequence is known. `scan` leaves the largest number of turns untold, and
# without it XLA cannot keep what a gradient reads. Keras' recurrent layers tell it: XLA compiles
# the gradient of a `SimpleRNN` of as many steps.
#
# A reader expects: what is compiled forwards is compiled with its gradient, as by JAX' `scan`, whose
# behaviour Keras promises.
#
# Seen, for loops over 5 numbers:
#   scan, forwards: compiled
#   scan, with its gradient: refused (fixed tensor list size)
#   the same loop with maximum_iterations, with its gradient: compiled
#   SimpleRNN, with its gradient: compiled
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0 || exit 2
cd "$folder"
export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
venv/bin/python - <<'END'
import sys

import keras
import tensorflow as tf

layer = keras.layers.SimpleRNN(1)
layer.build((1, 5, 1))


def scanned(x):
    return keras.ops.scan(lambda total, each: (total + tf.tanh(each), total), tf.zeros(()), x)[0]


def told(x):
    read = tf.TensorArray("float32", 5).unstack(x)
    return tf.while_loop(lambda i, _: i < 5, lambda i, total: (i + 1, total + tf.tanh(read.read(i))),
                         (0, tf.zeros(())), maximum_iterations=5)[1]


def with_gradient(function):
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = function(x)
        return total, tape.gradient(total, x)
    return both


def tried(function):
    try:
        tf.function(function, jit_compile=True)(tf.ones(5))
    except tf.errors.InvalidArgumentError as error:
        reason = "fixed tensor list size"
        return f"refused ({reason if reason in str(error) else error})"
    return "compiled"


seen = {
    "scan, forwards": tried(scanned),
    "scan, with its gradient": tried(with_gradient(scanned)),
    "the same loop with maximum_iterations, with its gradient": tried(with_gradient(told)),
    "SimpleRNN, with its gradient": tried(
        with_gradient(lambda x: layer(tf.reshape(x, (1, 5, 1)))[0, 0])),
}
for name, value in seen.items():
    print(f"{name}: {value}")
if list(seen.values()) != [
        "compiled", "refused (fixed tensor list size)", "compiled", "compiled"]:
    sys.exit("changed: XLA compiles the gradient of scan, or refuses more than that")
END
