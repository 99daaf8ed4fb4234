"""A Keras model as the converter's file, before a contract is written into it."""

import keras

from keras_seqattn.edge.tflite.converter import convert


def converted(model, path, precision="float32"):
    """Converts in this process; names are kept, shapes are those of one example.

    Args:
        model: Functional model with named inputs.
        path: Path of the `.tflite` file.
        precision: As for `edge.export`.

    Returns:
        `path`.
    """
    signature = [keras.InputSpec(shape=(1, *each.shape[1:]), dtype=each.dtype, name=each.name)
                 for each in model.inputs]

    def serve(*flat):
        outputs = model(list(flat) if len(flat) > 1 else flat[0], training=False)
        return outputs if isinstance(outputs, dict) else {model.output_names[0]: outputs}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", serve, input_signature=signature)
    archive.write_out(str(path.with_suffix("")), verbose=False)
    convert.convert(str(path.with_suffix("")), path, precision)
    return path
