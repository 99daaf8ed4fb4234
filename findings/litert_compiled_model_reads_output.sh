#!/usr/bin/env bash
# Software: ai-edge-litert 2.3.0, on a file by the converter of TensorFlow 2.21.0.
#
# Behaviour: a function may return one of its inputs beside what it computes. The
# converter then makes one tensor input and output. LiteRT's `Interpreter` returns the
# input's values under the output's name. LiteRT's `CompiledModel` runs without an error,
# reads that output's buffer in place of the input, and computes every output from it.
#
# A reader expects: both programs of one package return the same values, or one refuses.
#
# Seen, for the input 1 2 3, its double, and a buffer that was filled with 7 before:
#   Interpreter:   same 1 2 3, double 2 4 6
#   CompiledModel: same 7 7 7, double 14 14 14
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install --quiet tensorflow==2.21.0 ai-edge-litert==2.3.0 || exit 2
cd "$folder"
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
venv/bin/python - <<'END'
import sys

import numpy as np
import tensorflow as tf
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter


class Pass(tf.Module):
    @tf.function(autograph=False, input_signature=[tf.TensorSpec((1, 3), tf.float32, "x")])
    def call(self, x):
        return {"same": tf.identity(x), "double": 2.0 * x}


module = Pass()
tf.saved_model.save(module, "saved", signatures={"serving_default": module.call})
with open("pass.tflite", "wb") as file:
    file.write(tf.lite.TFLiteConverter.from_saved_model("saved").convert())
x = np.array([[1, 2, 3]], "float32")
outputs = Interpreter("pass.tflite").get_signature_runner()(x=x)
interpreted = [outputs[name].ravel().astype(int).tolist() for name in ("same", "double")]
model = CompiledModel.from_file("pass.tflite")
given = model.create_input_buffer_by_name("serving_default", "x")
made = {name: model.create_output_buffer_by_name("serving_default", name)
        for name in ("same", "double")}
given.write(x)
made["same"].write(np.full((1, 3), 7, "float32"))
model.run_by_name("serving_default", {"x": given}, made)
compiled = [made[name].read(3, np.float32).astype(int).tolist() for name in ("same", "double")]
for name, (same, double) in (("Interpreter:  ", interpreted), ("CompiledModel:", compiled)):
    print(name, "same", *same, "double", *double)
if (interpreted, compiled) != ([[1, 2, 3], [2, 4, 6]], [[7, 7, 7], [14, 14, 14]]):
    sys.exit("changed: CompiledModel treats an output that is an input otherwise")
END
