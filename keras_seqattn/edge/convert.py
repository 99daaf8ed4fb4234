"""The converter's own process: `python -m keras_seqattn.edge.convert SAVED_MODEL OUT PRECISION`.

TensorFlow's converter leaks memory at each call (tensorflow#122598) and can end the process that
calls it; here neither reaches the user's program. Only builtin ops are allowed, since no LiteRT
package has Flex.
"""

import pathlib
import sys
import tempfile

import numpy as np

from keras_seqattn.edge import embedding, recurrent
from keras_seqattn.edge.precisions import PRECISIONS
from keras_seqattn.edge.quantize import quantize


def convert(saved_model, out, precision, examples=None):
    """Writes a SavedModel as `.tflite` in the given precision.

    Args:
        saved_model: Folder of the SavedModel, with static shapes.
        out: Path of the `.tflite` file.
        precision: A key of `precisions.PRECISIONS`.
        examples: Path of an `.npz` with an array `(n, …)` for each input, to calibrate on.
    """
    with tempfile.TemporaryDirectory(dir=pathlib.Path(out).parent) as folder:
        path = pathlib.Path(folder) / "float32.tflite"
        flat = embedding.rewrite(recurrent.unclipped(_float32(saved_model)))
        if isinstance(PRECISIONS[precision].weights, int):
            flat = recurrent.quantised(flat)  # AI Edge Quantizer leaves these alone
        path.write_bytes(flat)
        if examples is not None:
            with np.load(examples) as arrays:
                examples = dict(arrays)
        quantize(path, out, precision, examples)


def _float32(saved_model):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter.convert()


if __name__ == "__main__":
    convert(*sys.argv[1:])
