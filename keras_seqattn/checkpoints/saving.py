"""Weights that go out: any model with its description, or a ViT as another project has it."""

import os

import keras

from keras_seqattn import files
from keras_seqattn.checkpoints.sources import SOURCES
from keras_seqattn.errors import explain, nearest

FORMATS = {name: write for family in SOURCES.values() for name, write in family.formats.items()}


def save(model: keras.Model, path: os.PathLike | str, format: str = "safetensors") -> None:
    """Saves the weights of a model so that `load` restores it, bit for bit.

    Args:
        model: Any model of this library. For `"npz-google"`, a ViT that this format can hold.
        path: File to write.
        format: Kind of the file.

            - `"safetensors"` holds the weights under their own paths and, as metadata, how the
              model is built and the names of its classes (`model.labels`).
            - `"npz-google"` is that of google-research/vision_transformer.

    Raises:
        ValueError: `format` is not known, or cannot hold a part of the model.
        ImportError: safetensors is not installed.

    Example:

    >>> import tempfile
    >>> from keras_seqattn import checkpoints, models
    >>> vit = models.vit("nano", patch_size=8, image_shape=(16, 24, 3), num_classes=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoints.save(vit, f"{folder}/vit.safetensors")
    ...     checkpoints.load(f"{folder}/vit.safetensors").output_shape
    (None, 5)
    """
    if format not in FORMATS:
        raise ValueError(explain("`format` is not known", format=format,
                                 fix=nearest(format, FORMATS)))
    with files.whole(path) as scratch:
        FORMATS[format](model, scratch)
