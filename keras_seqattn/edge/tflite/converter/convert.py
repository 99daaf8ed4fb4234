"""The converter's own process.

It runs `python -m keras_seqattn.edge.tflite.converter.convert SAVED_MODEL OUT PRECISION`.

TensorFlow's converter leaks memory at each call (tensorflow#122598) and can end the process that
calls it. Here neither reaches the user's program. Only builtin ops are allowed, since no LiteRT
package has Flex.
"""

import os
import pathlib
import sys
import tempfile

import numpy as np

from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite.quantize.stages import quantize
from keras_seqattn.edge.tflite.rewrite import passes

SIGNATURE = "serving_default"  # of a SavedModel that has one


def convert(saved_model: str | os.PathLike, out: str | os.PathLike, precision: str,
            examples: str | os.PathLike | None = None) -> None:
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
        passes.apply(path, integers=isinstance(ALL_PRECISIONS[precision].weights, int))
        quantize(path, out, precision, None if examples is None else _arrays(examples))


def _arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return dict(arrays)


def _float32(saved_model: str | os.PathLike) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(saved_model), signature_keys=_signatures(saved_model))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.exclude_conversion_metadata = True  # it unpacks the whole file to note its version
    return converter.convert()


def _signatures(saved_model: str | os.PathLike) -> list[str]:
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((pathlib.Path(saved_model) / "saved_model.pb").read_bytes())
    names = [name for name in sorted(proto.meta_graphs[0].signature_def)
             if not name.startswith("__")]
    # Keras repeats the first of several under the usual name.
    return names if len(names) == 1 else [name for name in names if name != SIGNATURE]


if __name__ == "__main__":
    convert(*sys.argv[1:])
