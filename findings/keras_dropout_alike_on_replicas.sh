#!/usr/bin/env bash
# Software: Keras 3.15.1 with TensorFlow 2.21.0.
#
# Behaviour: under `tf.distribute.MirroredStrategy` all replicas draw the same random
# numbers. The state of a Keras seed generator is mirrored, so each replica drops the
# same units of its own examples, in every step. From step to step the units change.
#
# A reader expects: replicas drop units independently, as rows of one batch on one
# device do. Over 97 units two independent masks agree on about half of them.
#
# Seen, units of 97 that two masks treat alike:
#   both replicas, one step   97
#   one replica, two steps    51
#   two rows, one device      45
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0 || exit 2
cd "$folder"
export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
venv/bin/python - 2> log <<'END' || { cat log >&2; exit 1; }
import sys

import keras
import tensorflow as tf

UNITS = 97
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def kept(output):
    return output.numpy() != 0


def step(layer, rows):
    made = strategy.run(lambda: layer(tf.ones((rows, UNITS)), training=True))
    return [kept(each) for each in strategy.experimental_local_results(made)]


with strategy.scope():
    layer = keras.layers.Dropout(0.5, seed=3)
first, second = step(layer, 1), step(layer, 1)
rows = kept(keras.layers.Dropout(0.5, seed=3)(tf.ones((2, UNITS)), training=True))
seen = {"both replicas, one step": (first[0] == first[1]).sum(),
        "one replica, two steps": (first[0] == second[0]).sum(),
        "two rows, one device": (rows[0] == rows[1]).sum()}
for name, count in seen.items():
    print(f"{name:<25} {count}")
alike, *others = seen.values()
if alike != UNITS or not all(UNITS / 4 < each < 3 * UNITS / 4 for each in others):
    sys.exit("changed: replicas no longer drop the same units")
END
