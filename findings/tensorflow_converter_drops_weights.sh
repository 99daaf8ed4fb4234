#!/usr/bin/env bash
# Software: the TFLite converter of TensorFlow 2.21.0, with Keras 3.15.1.
#
# Behaviour: `TFLiteConverter.from_concrete_functions` takes as its second argument
# the object that owns the function's variables. If this object is a Keras model, the
# converter returns a file without any of the model's weights, and no error. The file
# only names the variables. Without the second argument the file holds the weights, and a
# warning asks for the argument.
#
# A reader expects: to name the owner of the weights cannot lose the weights.
#
# Seen, for a dense layer whose kernel and bias are 40,400 bytes:
#   without the model: 40780 bytes, kernel in the file: True
#   with the model:    1640 bytes, kernel in the file: False
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

model = keras.Sequential([keras.Input((100,), batch_size=1), keras.layers.Dense(100)])
kernel = model.get_weights()[0]
function = tf.function(model, autograph=False).get_concrete_function(tf.TensorSpec((1, 100)))


def convert(*owner):
    flat = tf.lite.TFLiteConverter.from_concrete_functions([function], *owner).convert()
    return len(flat), kernel.tobytes() in flat or kernel.T.tobytes() in flat


seen = [convert(), convert(model)]
for name, (size, found) in zip(("without the model:", "with the model:   "), seen):
    print(name, size, "bytes, kernel in the file:", found)
if [found for _, found in seen] != [True, False]:
    sys.exit("changed: the kernel is found, or missing, in another of the two files")
END
