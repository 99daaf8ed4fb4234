"""A Keras model as a file, before a contract is written into it."""

import tempfile

from keras_seqattn.edge import conversion, formats


def converted(model, path, precision="float32"):
    """Writes a model as it is, without folding.

    Args:
        model: Functional model with named inputs.
        path: Path of the file.
        precision: As for `edge.export`.

    Returns:
        `path`.
    """
    form = formats.of(path)
    with tempfile.TemporaryDirectory() as folder:
        conversion.write(conversion.prepare(model, form, fold=False), path, form, precision, folder)
    return path
