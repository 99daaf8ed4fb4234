"""The converter's own process.

It runs `python -m keras_seqattn.edge.tflite.converter.convert SAVED_MODEL OUT PRECISION`.

TensorFlow's converter leaks memory at each call (tensorflow#122598) and can end the process that
calls it; here neither reaches the user's program. Only builtin ops are allowed, since no LiteRT
package has Flex.
"""

import pathlib
import sys
import tempfile

import numpy as np

from keras_seqattn.edge.lower import recurrent
from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.quantize.quantize import quantize
from keras_seqattn.edge.tflite.rewrite import embedding, unread

SIGNATURE = "serving_default"  # of a SavedModel that has one


def convert(saved_model, out, precision, examples=None):
    """Writes a SavedModel as `.tflite` in the given precision.

    Args:
        saved_model: Folder of the SavedModel, with static shapes.
        out: Path of the `.tflite` file.
        precision: A key of `precisions.ALL_PRECISIONS`.
        examples: Path of an `.npz` with an array `(n, …)` for each input, to calibrate on.
    """
    with tempfile.TemporaryDirectory(dir=pathlib.Path(out).parent) as folder:
        path = pathlib.Path(folder) / "float32.tflite"
        path.write_bytes(_float32(saved_model))
        _rewrite(path, isinstance(ALL_PRECISIONS[precision].weights, int))
        if examples is not None:
            with np.load(examples) as arrays:
                examples = dict(arrays)
        quantize(path, out, precision, examples)


def _rewrite(path, integers):
    """Mends what the converter leaves; only files that need it are unpacked."""
    ops = {op.name for op in reader.ops(path)}
    if "GATHER" in ops:
        path.write_bytes(embedding.rewrite(path.read_bytes()))
    if recurrent.OP in ops:
        flat = recurrent.unclipped(path.read_bytes())
        path.write_bytes(recurrent.quantised(flat) if integers else flat)
    if ops & {"WHILE"}:
        path.write_bytes(unread.without(path.read_bytes()))


def _float32(saved_model):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(
        saved_model, signature_keys=_signatures(saved_model))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.exclude_conversion_metadata = True  # it unpacks the whole file to note its version
    return converter.convert()


def _signatures(saved_model):
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((pathlib.Path(saved_model) / "saved_model.pb").read_bytes())
    names = [name for name in sorted(proto.meta_graphs[0].signature_def)
             if not name.startswith("__")]
    # Keras repeats the first of several under the usual name.
    return names if len(names) == 1 else [name for name in names if name != SIGNATURE]


if __name__ == "__main__":
    convert(*sys.argv[1:])
