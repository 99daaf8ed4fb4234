"""Inspection: what a model sees and attends to, as arrays and as figures."""

from keras_seqattn.inspection.attention import attention_maps, attention_scores
from keras_seqattn.inspection.attention_rollout import (
    gradient_rollout,
    gradient_rollout_maps,
    rollout,
    rollout_maps,
)
from keras_seqattn.inspection.distance import (
    attention_distance,
    attention_distances,
    uniform_distance,
)
from keras_seqattn.inspection.figures import (
    attention_figure,
    distance_figure,
    filter_figure,
    position_figure,
    ranges_figure,
)
from keras_seqattn.inspection.filters import patch_filters
from keras_seqattn.inspection.positions import position_similarity
from keras_seqattn.inspection.ranges import activation_ranges
from keras_seqattn.inspection.watch import call_with_scores
from keras_seqattn.inspection.word_attention import words, words_figure

__all__ = ["activation_ranges", "attention_distance", "attention_distances", "attention_figure",
           "attention_maps", "attention_scores", "call_with_scores", "distance_figure",
           "filter_figure", "gradient_rollout", "gradient_rollout_maps", "patch_filters",
           "position_figure", "position_similarity", "ranges_figure", "rollout", "rollout_maps",
           "uniform_distance", "words", "words_figure"]
