#!/usr/bin/env bash
# Software: ai-edge-quantizer 0.10.0 (with ai-edge-litert 2.3.0), on a file by the
# converter of TensorFlow 2.21.0. The old runtime is tflite-runtime 2.14.0.
#
# Behaviour: the quantizer gives each row of a dense layer's weights a scale of its own,
# and leaves the op's version at 1, as it was in float. TensorFlow's converter writes
# version 12 for the same kind of weights. A runtime that knows no version 12 refuses
# the converter's file. The same runtime takes the quantizer's file and returns zeros,
# without an error.
#
# A reader expects: a runtime refuses what it cannot compute, for which ops have versions.
#
# Seen, for a layer whose rows should answer 32, 64, 96, ...:
#   FULLY_CONNECTED, version by the converter 12, by the quantizer 1
#   LiteRT 2.3.0, the quantizer's file:          32 64 96
#   tflite-runtime 2.14.0, the quantizer's file: 0 0 0
#   tflite-runtime 2.14.0, the converter's file: refused
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" && python3 -m venv "$folder/old" || exit 2
"$folder/venv/bin/pip" install --quiet \
    tensorflow==2.21.0 ai-edge-quantizer==0.10.0 ai-edge-litert==2.3.0 || exit 2
"$folder/old/bin/pip" install --quiet tflite-runtime==2.14.0 numpy==1.26.4 || exit 2
cd "$folder"
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
venv/bin/python - <<'END'
import sys

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping, quantizer

weights = np.tile(np.arange(1, 33, dtype="float32"), (32, 1))


class Rows(tf.Module):
    @tf.function(autograph=False, input_signature=[tf.TensorSpec((1, 32), tf.float32, "x")])
    def call(self, x):
        return {"y": tf.linalg.matmul(x, weights)}


def version(flat):
    model = schema.Model.GetRootAs(flat)
    return next(model.OperatorCodes(i).Version() for i in range(model.OperatorCodesLength())
                if model.OperatorCodes(i).BuiltinCode() == schema.BuiltinOperator.FULLY_CONNECTED)


module = Rows()
tf.saved_model.save(module, "saved", signatures={"serving_default": module.call})
converter = tf.lite.TFLiteConverter.from_saved_model("saved")
with open("float.tflite", "wb") as file:
    file.write(converter.convert())
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converted = converter.convert()
tool = quantizer.Quantizer("float.tflite")
tool.add_dynamic_config(".*", qtyping.TFLOperationName.FULLY_CONNECTED, 8)
quantised = bytes(tool.quantize(
    enable_progress_bar=False, enable_progress_report=False).quantized_model)
for name, flat in (("converted", converted), ("quantised", quantised)):
    with open(f"{name}.tflite", "wb") as file:
        file.write(flat)
seen = version(converted), version(quantised)
print("FULLY_CONNECTED, version by the converter {}, by the quantizer {}".format(*seen))
run = Interpreter(model_content=quantised).get_signature_runner()
answer = run(x=np.ones((1, 32), "float32"))["y"][0, :3].round().astype(int).tolist()
print("LiteRT 2.3.0, the quantizer's file:         ", *answer)
if seen != (12, 1) or answer != [32, 64, 96]:
    sys.exit("changed: other versions in the files, or another answer of LiteRT")
END
old/bin/python - <<'END'
import sys

import numpy as np
from tflite_runtime.interpreter import Interpreter

run = Interpreter("quantised.tflite").get_signature_runner()
answer = run(x=np.ones((1, 32), "float32"))["y"][0, :3].round().astype(int).tolist()
try:
    Interpreter("converted.tflite").allocate_tensors()
    converted = "taken"
except ValueError:
    converted = "refused"
print("tflite-runtime 2.14.0, the quantizer's file:", *answer)
print("tflite-runtime 2.14.0, the converter's file:", converted)
if answer != [0, 0, 0] or converted != "refused":
    sys.exit("changed: the old runtime answers otherwise, or takes the converter's file")
END
