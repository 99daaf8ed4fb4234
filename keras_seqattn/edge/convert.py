"""The converter's own process: `python -m keras_seqattn.edge.convert SAVED_MODEL OUT PRECISION`.

TensorFlow's converter leaks memory at each call (tensorflow#122598) and can end the process that
calls it; here neither reaches the user's program. Only builtin ops are allowed, since no LiteRT
package has Flex.
"""

import pathlib
import sys
import tempfile


def convert(saved_model, out, precision):
    """Writes a SavedModel as `.tflite` in the given precision.

    Args:
        saved_model: Folder of the SavedModel, with static shapes.
        out: Path of the `.tflite` file.
        precision: A key of `export.PRECISIONS`.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    flat = converter.convert()
    if precision == "float32":
        pathlib.Path(out).write_bytes(flat)
        return
    from ai_edge_quantizer import quantizer, recipe

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "float32.tflite"
        path.write_bytes(flat)
        quantize = quantizer.Quantizer(str(path), getattr(recipe, precision)())
        quantize.quantize().export_model(str(out), overwrite=True)


if __name__ == "__main__":
    convert(*sys.argv[1:])
