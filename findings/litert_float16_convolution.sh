#!/usr/bin/env bash
# Software: ai-edge-litert 1.1.2 to 1.3.0, on a file by ai-edge-quantizer 0.10.0. The same
# holds for TensorFlow 2.19. Releases before and after them are right.
#
# Behaviour: in a convolution whose kernel is stored in float16 and whose bias is in
# float32, the bytes of the bias are read as float16, without an error. So 1.0 becomes the
# two numbers 0.0 and 1.875, and other biases NaN. The quantiser writes such a file: it
# turns kernels into float16 and leaves biases. Without XNNPACK the same release is right.
#
# A reader expects: a kernel that is only stored in float16 changes results by rounding.
#
# Seen, for a kernel of 18 ones, a bias of 1 and an image of ones, in two of the channels:
#   ai-edge-litert 1.3.0:                 18.0 19.875
#   ai-edge-litert 1.3.0 without XNNPACK: 19.0 19.0
#   ai-edge-litert 1.4.0:                 19.0 19.0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for name in make broken mended; do
    python3 -m venv "$folder/$name" || exit 2
done
"$folder/make/bin/pip" install --quiet \
    tensorflow==2.21.0 ai-edge-quantizer==0.10.0 ai-edge-litert==2.3.0 || exit 2
"$folder/broken/bin/pip" install --quiet ai-edge-litert==1.3.0 || exit 2
"$folder/mended/bin/pip" install --quiet ai-edge-litert==1.4.0 || exit 2
cd "$folder"
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
make/bin/python - <<'END'
import tensorflow as tf
from ai_edge_quantizer import qtyping, quantizer


class Sum(tf.Module):
    @tf.function(autograph=False, input_signature=[tf.TensorSpec((1, 9, 9, 2), tf.float32, "x")])
    def call(self, x):
        return {"y": tf.nn.bias_add(tf.nn.conv2d(x, tf.ones((3, 3, 2, 8)), 2, "VALID"),
                                    tf.ones(8))}


module = Sum()
tf.saved_model.save(module, "saved", signatures={"serving_default": module.call})
with open("float32.tflite", "wb") as file:
    file.write(tf.lite.TFLiteConverter.from_saved_model("saved").convert())
tool = quantizer.Quantizer("float32.tflite")
tool.update_quantization_recipe(
    ".*", qtyping.TFLOperationName.CONV_2D, algorithm_key="float_casting",
    op_config=qtyping.OpQuantizationConfig(
        weight_tensor_config=qtyping.TensorQuantizationConfig(
            num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
        compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True))
tool.quantize(enable_progress_bar=False, enable_progress_report=False).export_model(
    "float16.tflite")
END
cat > run.py <<'END'
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

kind = OpResolverType.AUTO if sys.argv[1] == "xnnpack" else (
    OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
run = Interpreter("float16.tflite", experimental_op_resolver_type=kind).get_signature_runner()
print(*run(x=np.ones((1, 9, 9, 2), "float32"))["y"].ravel()[:2])
END
broken=$(broken/bin/python run.py xnnpack) plain=$(broken/bin/python run.py plain)
mended=$(mended/bin/python run.py xnnpack)
echo "ai-edge-litert 1.3.0:                 $broken"
echo "ai-edge-litert 1.3.0 without XNNPACK: $plain"
echo "ai-edge-litert 1.4.0:                 $mended"
if [ "$broken, $plain, $mended" != "18.0 19.875, 19.0 19.0, 19.0 19.0" ]; then
    echo "changed: other results"
    exit 1
fi
