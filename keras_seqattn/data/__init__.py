"""Data: labelled images from files to batches. Decoding needs Pillow, batches need Keras."""

from keras_seqattn.data.evaluate import accuracy
from keras_seqattn.data.images import decode
from keras_seqattn.data.sources import load, prepare
from keras_seqattn.data.stored import LabelledImages, StoredImages

__all__ = ["LabelledImages", "StoredImages", "accuracy", "decode", "load", "prepare"]
