#!/usr/bin/env bash
# Software: Keras 3.15.1 with TensorFlow 2.21.0.
#
# Behaviour: under `tf.distribute.MirroredStrategy` Keras' optimizers clip the part
# of the gradient that each replica computes, and sum the clipped parts. `clipnorm`,
# `clipvalue` and `global_clipnorm` all do. So the same batch makes another step on
# two devices than on one, and parts of opposite signs can cancel to no step at all.
#
# A reader expects: the step of a batch does not depend on the number of devices.
#
# Seen, one weight after one step of gradient descent at rate 1 over one batch of two
# examples, on one device and on two:
#   no clipping      1.0 1.0
#   clipnorm         1.0 0.0
#   clipvalue        1.0 0.0
#   global_clipnorm  1.0 0.0
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
import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
batch = tf.data.Dataset.from_tensors(
    (np.array([[1.0], [1.0]], "float32"), np.array([[4.0], [-3.0]], "float32")))


def step(devices, **clipping):
    with tf.distribute.MirroredStrategy(devices).scope():
        model = keras.Sequential([
            keras.Input((1,)),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
        model.compile(keras.optimizers.SGD(1.0, **clipping), "mse")
    model.fit(batch, shuffle=False, verbose=0)
    return float(model.get_weights()[0][0, 0])


seen = []
for clipping in ({}, {"clipnorm": 1.0}, {"clipvalue": 1.0}, {"global_clipnorm": 1.0}):
    seen.append([step(["CPU:0"], **clipping), step(["CPU:0", "CPU:1"], **clipping)])
    print(f"{next(iter(clipping), 'no clipping'):<16}", *seen[-1])
if not np.allclose(seen, [[1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], atol=1e-5):
    sys.exit("changed: the weight after a clipped step is another one")
END
