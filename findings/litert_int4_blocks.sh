#!/usr/bin/env bash
# Software: ai-edge-litert 1.4.0 and 2.0.3, on a file by ai-edge-quantizer 0.10.0. The same
# holds for TensorFlow 2.20. ai-edge-litert 1.3.0, and 2.1.0 on, are right.
#
# Behaviour: the quantiser stores the weights of a dense layer in 4 bits with a scale for
# each block of 32. It leaves the op's version at what it was in float. ai-edge-litert 1.4.0
# and 2.0.3 take the file and return other numbers, without an error.
#
# A reader expects: a runtime refuses what it cannot compute, and a release between two
# that are right is right.
#
# Seen, for weights of 7 and 14 that should answer -672 if all inputs are -1:
#   ai-edge-litert 2.3.0: -672
#   ai-edge-litert 2.0.3: 3
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/new" && python3 -m venv "$folder/old" || exit 2
"$folder/new/bin/pip" install --quiet \
    tensorflow==2.21.0 ai-edge-quantizer==0.10.0 ai-edge-litert==2.3.0 || exit 2
"$folder/old/bin/pip" install --quiet ai-edge-litert==2.0.3 || exit 2
cd "$folder"
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
new/bin/python - <<'END'
import numpy as np
import tensorflow as tf
from ai_edge_quantizer import qtyping, quantizer

weights = np.repeat([[7.0], [14.0]], 32, axis=0).astype("float32") * np.ones(64, "float32")


class Rows(tf.Module):
    @tf.function(autograph=False, input_signature=[tf.TensorSpec((1, 64), tf.float32, "x")])
    def call(self, x):
        return {"y": tf.linalg.matmul(x, weights)}


module = Rows()
tf.saved_model.save(module, "saved", signatures={"serving_default": module.call})
with open("float32.tflite", "wb") as file:
    file.write(tf.lite.TFLiteConverter.from_saved_model("saved").convert())
tool = quantizer.Quantizer("float32.tflite")
tool.add_dynamic_config(".*", qtyping.TFLOperationName.FULLY_CONNECTED, 4,
                        granularity=qtyping.QuantGranularity.BLOCKWISE_32)
tool.quantize(enable_progress_bar=False, enable_progress_report=False).export_model(
    "int4.tflite")
END
cat > run.py <<'END'
import numpy as np
from ai_edge_litert.interpreter import Interpreter

run = Interpreter("int4.tflite").get_signature_runner()
print(round(run(x=-np.ones((1, 64), "float32"))["y"][0, 0].item()))
END
new=$(new/bin/python run.py) old=$(old/bin/python run.py)
echo "ai-edge-litert 2.3.0: $new"
echo "ai-edge-litert 2.0.3: $old"
if [ "$new, $old" != "-672, 3" ]; then
    echo "changed: other results"
    exit 1
fi
