"""Inspection: what a model attends to, as arrays and as figures."""

from keras_seqattn.inspection.attention import attention_maps, attention_scores
from keras_seqattn.inspection.figures import attention_figure
from keras_seqattn.inspection.words import words, words_figure

__all__ = ["attention_figure", "attention_maps", "attention_scores", "words", "words_figure"]
