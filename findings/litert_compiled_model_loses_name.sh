#!/usr/bin/env bash
# Software: ai-edge-litert 2.3.0, on a file by the converter of TensorFlow 2.21.0.
#
# Behaviour: two outputs of a signature may have the same value, and the converter
# then gives both names one tensor. LiteRT's `Interpreter` returns both outputs.
# LiteRT's `CompiledModel` lists the last name twice and does not know the first one.
#
# A reader expects: both programs of one package know the same outputs of a file.
#
# Seen, for a signature with the outputs `first` and `second`:
#   Interpreter:   ['first', 'second']
#   CompiledModel: ['second', 'second']
#   CompiledModel, a buffer for first: Output tensor not found: first
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install --quiet tensorflow==2.21.0 ai-edge-litert==2.3.0 || exit 2
cd "$folder"
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
venv/bin/python - <<'END'
import sys

import tensorflow as tf
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter


class Twice(tf.Module):
    @tf.function(autograph=False, input_signature=[tf.TensorSpec((1, 3), tf.float32, "x")])
    def call(self, x):
        y = tf.nn.relu(x)
        return {"first": y, "second": y}


module = Twice()
tf.saved_model.save(module, "saved", signatures={"serving_default": module.call})
flat = tf.lite.TFLiteConverter.from_saved_model("saved").convert()
with open("twice.tflite", "wb") as file:
    file.write(flat)
interpreted = Interpreter("twice.tflite").get_signature_list()["serving_default"]["outputs"]
model = CompiledModel.from_file("twice.tflite")
compiled = model.get_signature_list()["serving_default"]["outputs"]
try:
    model.create_output_buffer_by_name("serving_default", "first")
    answer = "made"
except RuntimeError as error:
    answer = str(error).splitlines()[-1].lstrip("└ ")
print("Interpreter:  ", interpreted)
print("CompiledModel:", compiled)
print("CompiledModel, a buffer for first:", answer)
if (interpreted, compiled) != (["first", "second"], ["second", "second"]) or answer == "made":
    sys.exit("changed: CompiledModel knows other names of the outputs")
END
