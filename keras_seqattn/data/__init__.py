"""Data: labelled images from files to batches. Decoding needs Pillow, batches need Keras."""

from keras_seqattn.data.images import decode
from keras_seqattn.data.sources import LabelledImages, load

__all__ = ["LabelledImages", "decode", "load"]
