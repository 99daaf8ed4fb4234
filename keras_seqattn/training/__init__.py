"""Training: recipes, and `fit`, which runs them with `model.fit`."""

from keras_seqattn.training.fit import Run, fit
from keras_seqattn.training.recipe import Recipe, read

__all__ = ["Recipe", "Run", "fit", "read"]
