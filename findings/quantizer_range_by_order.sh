#!/usr/bin/env bash
# Software: ai-edge-quantizer 0.10.0 (with ai-edge-litert 2.3.0), on a file by the
# converter of TensorFlow 2.21.0.
#
# Behaviour: the algorithm `min_max_uniform_quantize` does not take the least and the
# largest value of the calibration examples. It takes a moving average over the
# examples, in which each new example weighs 5 %. So the range depends on the order of
# the examples, and the file cuts off values that were among the examples.
#
# A reader expects: the range of the examples, in whatever order they come.
#
# Seen, for two examples whose largest values are 1 and 10, and the answer of a file
# that should return its input of 10:
#   1 before 10: range to 1.45, answer to 10: 1.44
#   10 before 1: range to 9.55, answer to 10: 9.51
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install --quiet \
    tensorflow==2.21.0 ai-edge-quantizer==0.10.0 ai-edge-litert==2.3.0 || exit 2
cd "$folder"
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
venv/bin/python - <<'END'
import sys
import warnings

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping, quantizer

warnings.filterwarnings("ignore")


class Same(tf.Module):
    @tf.function(autograph=False, input_signature=[tf.TensorSpec((1, 2), tf.float32, "x")])
    def call(self, x):
        return {"y": tf.linalg.matmul(x, np.eye(2, dtype="float32"))}


module = Same()
tf.saved_model.save(module, "saved", signatures={"serving_default": module.call})
with open("same.tflite", "wb") as file:
    file.write(tf.lite.TFLiteConverter.from_saved_model("saved").convert())


def example(largest):
    return {"x": np.array([[-largest, largest]], "float32")}


def calibrate(*largest):
    tool = quantizer.Quantizer("same.tflite")
    tool.add_static_config(".*", qtyping.TFLOperationName.FULLY_CONNECTED, 8, 8)
    ranges = tool.calibrate({"serving_default": [example(value) for value in largest]})
    flat = tool.quantize(
        ranges, enable_progress_bar=False, enable_progress_report=False).quantized_model
    answer = Interpreter(model_content=bytes(flat)).get_signature_runner()(**example(10.0))
    return float(max(each["max"].max() for each in ranges.values())), float(answer["y"].max())


seen = [calibrate(1.0, 10.0), calibrate(10.0, 1.0)]
for name, (end, answer) in zip(("1 before 10:", "10 before 1:"), seen):
    print(f"{name} range to {end:.2f}, answer to 10: {answer:.2f}")
if not np.allclose([end for end, _ in seen], [1.45, 9.55], atol=0.01):
    sys.exit("changed: the ranges are not 95 % of the first example and 5 % of the second")
END
