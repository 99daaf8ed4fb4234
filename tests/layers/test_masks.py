"""`keras_seqattn.layers.masks`: by hand, and as laws over lengths."""

import numpy as np
import pytest
from keras import ops

from keras_seqattn.layers import masks


def _list(mask):
    return ops.convert_to_numpy(mask).astype(int).tolist()


def test_causal_by_hand():
    assert _list(masks.causal(3)) == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_causal_is_aligned_to_the_end():
    assert _list(masks.causal(2, 5)) == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert _list(masks.causal(3, 2)) == [[0, 0], [1, 0], [1, 1]]


@pytest.mark.parametrize("num_queries", [1, 2, 5])
def test_the_last_rows_of_the_full_mask_serve_a_cache(num_queries):
    assert _list(masks.causal(num_queries, 7)) == _list(masks.causal(7))[-num_queries:]
    assert (_list(masks.sliding_window(num_queries, 7, window=3))
            == _list(masks.sliding_window(7, window=3))[-num_queries:])


def test_sliding_window_by_hand():
    assert _list(masks.sliding_window(3, window=1)) == np.eye(3, dtype=int).tolist()
    assert _list(masks.sliding_window(4, window=2)) == [
        [1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]]


def test_padding_marks_the_first_tokens():
    assert _list(masks.padding([0, 2, 3], 3)) == [[0, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_combine_is_logical_and_and_skips_none():
    left, right = np.array([[1, 1, 0]], bool), np.array([[1], [0]], bool)
    assert _list(masks.combine(left, None, right)) == [[1, 1, 0], [0, 0, 0]]
    assert masks.combine(None, None) is None
