"""Decoding: from `step(tokens, state) -> (logits, state)` to sequences, on every backend.

A step reads the last token of each row, int32 `(B,)`. It returns the logits, float `(B, V)`, and
the state that the next step reads.

A state is any nest of tensors. Its tensors have `B` as their first axis, or rank 0 for what all
rows share, such as a position. A cache of attention is a state, as that of a recurrent network is.
"""

from keras_seqattn.decoding.beam_search import beam, google_penalty
from keras_seqattn.decoding.compilation import compiled
from keras_seqattn.decoding.greedy_search import Decoded, greedy
from keras_seqattn.decoding.sampling import sample

__all__ = ["Decoded", "beam", "compiled", "google_penalty", "greedy", "sample"]
