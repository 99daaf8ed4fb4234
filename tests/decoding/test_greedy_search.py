"""`keras_seqattn.decoding.greedy_search`."""

import numpy as np
import pytest
from arrays import array
from keras import ops

from keras_seqattn import decoding
from keras_seqattn.testing import check_error

END = 2


def counts(tokens, state):
    """After token t comes t + 1, of 7 tokens."""
    return 9.0 * ops.one_hot(tokens + 1, 7), state


def test_each_row_stops_at_its_own_end():
    written = decoding.greedy(counts, ops.array([3, 1, 4]), (), end=5, max_length=11)
    np.testing.assert_array_equal(written.tokens[:, :4], [[4, 5, 0, 0], [2, 3, 4, 5], [5, 0, 0, 0]])
    assert not array(written.tokens)[:, 4:].any()
    np.testing.assert_array_equal(written.lengths, [2, 4, 1])


def test_score_is_the_log_probability_of_what_was_written():
    written = decoding.greedy(counts, ops.array([3]), (), end=5, max_length=11)
    each = 9 - np.log(np.exp(9) + 6)
    np.testing.assert_allclose(written.scores, [2 * each], atol=1e-6)


def test_sequences_are_cut_at_the_longest_length():
    written = decoding.greedy(counts, ops.array([0]), (), end=5, max_length=3)
    np.testing.assert_array_equal(written.tokens, [[1, 2, 3]])
    np.testing.assert_array_equal(written.lengths, [3])


def test_state_is_handed_from_step_to_step():
    """A nest of state; what has rank 0 is shared by all rows."""
    def step(tokens, state):
        total = state["rows"][0] + tokens
        logits = ops.one_hot((total + state["position"]) % 7, 7)
        return logits, {"rows": (total,), "position": state["position"] + 1}

    tokens, total, expected = np.array([1, 3]), np.array([0, 1]), []
    for position in range(5):
        total = total + tokens
        tokens = (total + position) % 7
        expected.append(tokens)
    state = {"rows": (ops.array([0, 1], "int32"),), "position": ops.array(0, "int32")}
    written = decoding.greedy(step, ops.array([1, 3]), state, end=-1, max_length=5)
    np.testing.assert_array_equal(written.tokens, np.transpose(expected))


def test_a_compiled_loop_takes_no_step_after_the_last_end():
    taken = []

    def step(tokens, state):
        taken.append(1)
        return counts(tokens, state + 1)

    write = decoding.compiled(
        lambda tokens: decoding.greedy(step, tokens, ops.array(0), end=5, max_length=101))
    np.testing.assert_array_equal(write(ops.array([3])).tokens[0, :3], [4, 5, 0])
    assert len(taken) <= 3  # traced, not run once for each of 101 tokens


@pytest.mark.parametrize("max_length", [0, -1])
def test_an_empty_length_is_refused(max_length):
    check_error(lambda: decoding.greedy(counts, ops.array([1]), (), end=5, max_length=max_length),
                max_length=max_length)


@pytest.mark.parametrize("end", [(5, 3), [3, 5], np.array([3, 5])])
def test_several_tokens_end_a_sequence(end):
    def step(tokens, state):  # counts: after token t comes t + 1
        return ops.one_hot(tokens + 1, 7), state

    written = decoding.greedy(step, ops.array([1, 3]), (), end=end, max_length=4)
    assert np.asarray(written.tokens).tolist() == [[2, 3, 0, 0], [4, 5, 0, 0]]
    assert np.asarray(written.lengths).tolist() == [2, 2]


@pytest.mark.parametrize("end", [(), [2.5], (True,)])
def test_no_end_is_refused(end):
    check_error(lambda: decoding.greedy(lambda t, s: (t, s), ops.array([1]), (), end=end,
                                        max_length=3), end=end)


def test_what_is_said_of_a_row_after_its_end_does_not_count():
    def step(tokens, state):  # row 0 ends at once, and nothing may follow an end
        logits = ops.one_hot((tokens + 1) % 7, 7)
        return ops.where(ops.expand_dims(ops.equal(tokens, 0), -1),
                         ops.full_like(logits, -float("inf")), logits), state

    for method in (decoding.greedy, decoding.sample):
        written = method(step, ops.array([4, 1]), (), end=5, max_length=3)
        assert np.isfinite(np.asarray(written.scores)).all()
