"""Decoding: from `step(tokens, state) -> (logits, state)` to sequences, on every backend.

A step reads the last token of each row, int32 `(B,)`, and returns logits, `(B, V)`, and the state
that the next step reads: any nest of tensors with `B` as their first axis, or of rank 0 for what
all rows share, such as a position. Caches of attention and states of recurrent networks are alike
to it.
"""

from keras_seqattn.decoding.beam_search import beam, google_penalty
from keras_seqattn.decoding.compilation import compiled
from keras_seqattn.decoding.greedy_search import Decoded, greedy
from keras_seqattn.decoding.sampling import sample

__all__ = ["Decoded", "beam", "compiled", "google_penalty", "greedy", "sample"]
