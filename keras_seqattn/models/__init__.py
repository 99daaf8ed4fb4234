"""Models: one architecture per file, each a function that returns a functional `keras.Model`."""

from keras_seqattn.models.pretrained import labels, load
from keras_seqattn.models.vit import vit

__all__ = ["labels", "load", "vit"]
