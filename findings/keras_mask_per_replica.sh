#!/usr/bin/env bash
# Software: Keras 3.15.1 with TensorFlow 2.21.0.
#
# Behaviour: under `tf.distribute.MirroredStrategy` the loss of a masked output is divided by
# the number of real tokens on each replica, and the replicas are then averaged. A token on a
# replica with much padding weighs more than one on a replica with little. So the step is
# another one than that of one device on the same batch. There is no warning.
#
# A reader expects: replicas share a batch, and their step is that of one device, as it is
# without a mask.
#
# Seen, for a batch of 8 real tokens of class 1 on the first replica and 2 of class 0 on the
# second, as the step of the bias of class 1, which is the mean of label and probability's
# difference:
#   one device: 0.3
#   two replicas: 0.0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0 || exit 2
cd "$folder"
export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
venv/bin/python - <<'END'
import contextlib
import sys

import numpy as np
import tensorflow as tf

cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

import keras

tokens = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [2, 0, 0, 0], [2, 0, 0, 0]])
classes = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]])


def step(scope):
    with scope:
        inputs = keras.Input((4,), dtype="int32")
        x = keras.layers.Embedding(3, 5, mask_zero=True)(inputs)
        dense = keras.layers.Dense(2, kernel_initializer="zeros")
        model = keras.Model(inputs, dense(x))
        model.compile(
            keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(tokens, classes, batch_size=4, shuffle=False, verbose=0)
    return float(dense.get_weights()[1][1])


devices = [each.name for each in tf.config.list_logical_devices("CPU")]
one, two = step(contextlib.nullcontext()), step(tf.distribute.MirroredStrategy(devices).scope())
print(f"one device: {one:.1f}")
print(f"two replicas: {abs(two):.1f}")
if not np.allclose([one, two], [0.3, 0.0], atol=1e-5):
    sys.exit("changed: the replicas count their real tokens together")
END
