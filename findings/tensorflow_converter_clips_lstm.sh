#!/usr/bin/env bash
# Software: the TFLite converter of TensorFlow 2.21.0, with tf_keras 2.21.0 and
# ai-edge-litert 2.3.0.
#
# Behaviour: the converter turns a Keras LSTM into one fused op and sets the op's
# `cell_clip` to 10. A Keras LSTM clips nothing. An LSTM that counts in its cell is
# therefore right up to 10 and wrong from there on: the sign of the answer can change.
#
# A reader expects: a float32 file computes what the model computes.
#
# Seen, for an LSTM whose cell counts 20 steps up and 15 down, so that it ends at 5:
#   ops in the file: ['UNIDIRECTIONAL_SEQUENCE_LSTM']
#   Keras, last output:    0.9999
#   the file, last output: -0.9999
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install --quiet \
    tensorflow==2.21.0 tf_keras==2.21.0 ai-edge-litert==2.3.0 || exit 2
cd "$folder"
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
venv/bin/python - <<'END'
import sys

import numpy as np
import tensorflow as tf
import tf_keras
from ai_edge_litert.interpreter import Interpreter

steps = np.array([1.0] * 20 + [-1.0] * 15, "float32").reshape(1, -1, 1)
model = tf_keras.Sequential([
    tf_keras.Input(steps.shape[1:], batch_size=1),
    tf_keras.layers.LSTM(1, return_sequences=True)])
model.set_weights([  # gates: input, forget, cell, output; all but the cell's are open
    np.array([[0.0, 0.0, 50.0, 0.0]]), np.zeros((1, 4)), np.array([50.0, 50.0, 0.0, 50.0])])
flat = tf.lite.TFLiteConverter.from_keras_model(model).convert()
interpreter = Interpreter(model_content=flat)
run = interpreter.get_signature_runner()
output, = run(**{name: steps for name in run.get_input_details()}).values()
ops = [op["op_name"] for op in interpreter._get_ops_details()]
seen = [float(model(steps)[0, -1, 0]), float(output[0, -1, 0])]
print("ops in the file:", ops)
print(f"Keras, last output:    {seen[0]:.4f}")
print(f"the file, last output: {seen[1]:.4f}")
if ops != ["UNIDIRECTIONAL_SEQUENCE_LSTM"] or not np.allclose(
        seen, np.tanh([5.0, -5.0]), atol=1e-4):
    sys.exit("changed: the file no longer ends at 10 - 15 where Keras ends at 20 - 15")
END
