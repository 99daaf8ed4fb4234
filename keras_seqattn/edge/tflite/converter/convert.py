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

from keras_seqattn.edge.tflite.quantize.stages import quantize
from keras_seqattn.edge.tflite.rewrite import passes

SIGNATURE = "serving_default"  # of the SavedModel


def convert(saved_model: str | os.PathLike, out: str | os.PathLike, precision: str,
            examples: str | os.PathLike | None = None, *keep_float: str) -> None:
    """Writes a SavedModel as `.tflite` in the given precision.

    Args:
        saved_model: Folder of the SavedModel, with static shapes.
        out: Path of the `.tflite` file.
        precision: A key of `precisions.ALL_PRECISIONS`.
        examples: Path of an `.npz` with an array `(n, …)` for each input, to calibrate on.
        *keep_float: As for `stages.quantize`.
    """
    with tempfile.TemporaryDirectory(dir=pathlib.Path(out).parent) as folder:
        path = pathlib.Path(folder) / "float32.tflite"
        path.write_bytes(_float32(saved_model))
        passes.apply(path)
        quantize(path, out, precision, _arrays(examples) if examples else None, keep_float)


def _arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return dict(arrays)


def _float32(saved_model: str | os.PathLike) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(saved_model), signature_keys=[SIGNATURE])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.exclude_conversion_metadata = True  # it unpacks the whole file to note its version
    return converter.convert()


if __name__ == "__main__":
    convert(*sys.argv[1:])
