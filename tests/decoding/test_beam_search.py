"""`keras_seqattn.decoding.beam_search`, held against the search of every sequence."""

import numpy as np
import pytest
from keras import ops

from keras_seqattn import decoding
from keras_seqattn.testing import check_error

END = 2


def table_model(seed, vocab_size, max_length):
    """A model whose logits follow from position and last token; its step and its table."""
    table = 2 * np.random.default_rng(seed).normal(
        size=(max_length, vocab_size, vocab_size)).astype("float32")
    kept = ops.convert_to_tensor(table)

    def step(tokens, state):
        position, rows = state
        here = ops.squeeze(ops.slice(kept, (position, 0, 0), (1, vocab_size, vocab_size)), 0)
        return ops.take(here, tokens, axis=0), (position + 1, rows + 1)

    return step, table


def start(rows):
    return ops.array(0, "int32"), ops.zeros((rows, 3))


def every_sequence(table, first, penalty):
    """All finished sequences with their scores, best first."""
    max_length, vocab_size, _ = table.shape
    found = []

    def extend(sequence, score, last):
        logits = table[len(sequence), last].astype("float64")
        gained = logits - np.log(np.exp(logits).sum())
        for token in range(vocab_size):
            longer = [*sequence, token]
            if token == END or len(longer) == max_length:
                found.append(((score + gained[token]) / penalty(len(longer)), longer))
            else:
                extend(longer, score + gained[token], token)

    extend([], 0.0, first)
    return sorted(found, reverse=True)


@pytest.mark.parametrize(("seed", "alpha"), [(0, 0.0), (1, 0.6), (2, 1.3)])
def test_finds_the_best_of_all_sequences(seed, alpha):
    """Width 5 over 5 tokens and length 3 leaves no beginning of length 1 out."""
    step, table = table_model(seed, 5, 2)
    written = decoding.beam(step, ops.array([1, 4]), start(2), end=END, max_length=2, width=5,
                            length_penalty=alpha, num_best=5)
    for row, first in enumerate((1, 4)):
        best = every_sequence(table, first, decoding.google_penalty(alpha))[:5]
        np.testing.assert_allclose(written.scores[row], [score for score, _ in best], rtol=1e-5)
        for place, (_, sequence) in enumerate(best):
            length = int(written.lengths[row][place])
            assert list(map(int, written.tokens[row][place][:length])) == sequence


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_wide_beam_is_exact_on_longer_sequences(seed):
    step, table = table_model(seed, 3, 4)
    written = decoding.beam(step, ops.array([1]), start(1), end=END, max_length=4, width=3,
                            length_penalty=0.6)
    (score, _sequence), *_ = every_sequence(table, 1, decoding.google_penalty(0.6))
    assert float(written.scores[0][0]) <= score + 1e-5  # a beam may miss, but never invents
    greedy = decoding.greedy(step, ops.array([1]), start(1), end=END, max_length=4)
    penalty = decoding.google_penalty(0.6)(int(greedy.lengths[0]))
    assert float(written.scores[0][0]) >= float(greedy.scores[0]) / penalty - 1e-5


@pytest.mark.parametrize("seed", [6, 7])
def test_width_1_is_greedy_decoding(seed):
    step, _ = table_model(seed, 7, 5)
    first = ops.array([1, 3, 6])
    greedy = decoding.greedy(step, first, start(3), end=END, max_length=5)
    beam = decoding.beam(step, first, start(3), end=END, max_length=5, width=1, length_penalty=0)
    np.testing.assert_array_equal(beam.tokens[:, 0], greedy.tokens)
    np.testing.assert_allclose(beam.scores[:, 0], greedy.scores, rtol=1e-6)
    np.testing.assert_array_equal(beam.lengths[:, 0], greedy.lengths)


def test_a_finished_beam_keeps_its_score_and_its_tokens():
    """The end is likely at once; what follows it would cost much and must not be counted."""
    logits = np.full((5, 5), -9.0, "float32")
    logits[1, END] = 3.0
    logits[1, 4] = 2.9
    logits[4, 4] = 0.0
    kept = ops.convert_to_tensor(logits)
    written = decoding.beam(
        lambda tokens, state: (ops.take(kept, tokens, axis=0), state), ops.array([1]), (), end=END,
        max_length=7, width=2, length_penalty=0, num_best=2)
    np.testing.assert_array_equal(written.tokens[0, 0], [END, 0, 0, 0, 0, 0, 0])
    alone = 3.0 - np.log(np.exp(logits[1]).sum())
    np.testing.assert_allclose(written.scores[0, 0], alone, rtol=1e-5)


def test_a_length_penalty_may_be_a_function():
    step, table = table_model(8, 4, 2)
    written = decoding.beam(step, ops.array([1]), start(1), end=END, max_length=2, width=4,
                            length_penalty=lambda length: length ** 1.5, num_best=3)
    best = every_sequence(table, 1, lambda length: length ** 1.5)[:3]
    np.testing.assert_allclose(written.scores[0], [score for score, _ in best], rtol=1e-5)


def test_what_does_not_exist_has_no_score():
    """With the end certain there is one sequence only."""
    def step(tokens, state):
        return 1e9 * (ops.one_hot(ops.zeros_like(tokens) + END, 5) - 1.0), state

    written = decoding.beam(step, ops.array([1]), (), end=END, max_length=1, width=5, num_best=5)
    assert float(written.scores[0, 0]) == pytest.approx(0.0)
    assert np.all(np.asarray(written.scores[0, 1:]) < -1e8)


@pytest.mark.parametrize(("arguments", "received"), [
    ({"width": 0}, {"width": 0}), ({"width": 8}, {"width": 8, "vocab_size": 7}),
    ({"width": 2, "num_best": 3}, {"num_best": 3, "width": 2}),
    ({"width": 2, "length_penalty": -1.0}, {"length_penalty": -1.0})])
def test_bad_settings(arguments, received):
    step, _ = table_model(0, 7, 3)
    check_error(lambda: decoding.beam(step, ops.array([1]), start(1), end=END, max_length=3,
                                      **arguments), **received)


ALLOWED = {
    "all": lambda time, last, token: True,
    "never 3": lambda time, last, token: token != 3,
    "no end before the last": lambda time, last, token: token != END or time == 3,
    "4 first": lambda time, last, token: token == 4 if time == 0 else True,
    "two each": lambda time, last, token: token in (4, END),
    "one alone": lambda time, last, token: token == (5 if time < 2 else END),
    "no end": lambda time, last, token: token != END,
    "nothing after 1": lambda time, last, token: last != 1 or time == 0,
}


@pytest.mark.parametrize("allowed", ALLOWED.values(), ids=ALLOWED)
@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_what_may_never_follow_is_never_written(allowed, alpha):
    """Logits of -inf, against every sequence that can be."""
    _, table = table_model(7, 6, 4)
    for place in np.ndindex(4, 6, 6):
        if not allowed(*place):
            table[place] = -np.inf
    kept = ops.convert_to_tensor(table)

    def step(tokens, position):
        return ops.take(ops.take(kept, position, axis=0), tokens, axis=0), position + 1

    with np.errstate(all="ignore"):
        every = every_sequence(table, 1, decoding.google_penalty(alpha))
    wanted = sorted((each for each in every if np.isfinite(each[0])), reverse=True)[:3]
    found = decoding.beam(step, ops.array([1]), ops.array(0, "int32"), end=END, max_length=4,
                          width=6, num_best=6, length_penalty=alpha)
    scores, tokens = np.asarray(found.scores)[0], np.asarray(found.tokens)[0]
    exists = np.isfinite(scores)
    assert not tokens[~exists].any()
    assert not np.isnan(scores).any()
    assert (scores[~exists] == -np.inf).all()
    for score, row, length in zip(scores[exists], tokens[exists], np.asarray(
            found.lengths)[0][exists], strict=True):
        last = [1, *row[:length]]
        assert all(allowed(t, last[t], last[t + 1]) for t in range(length))
        assert np.isfinite(score)
    assert scores[0] == pytest.approx(wanted[0][0], abs=1e-5)
    if len(wanted) < 3:
        assert exists.sum() == len(wanted)


def test_several_tokens_end_a_sequence():
    step, _ = table_model(3, 7, 4)
    found = decoding.beam(step, ops.array([1, 4]), start(2), end=(END, 5), max_length=4, width=5,
                          num_best=3)
    for row, length in zip(np.asarray(found.tokens).reshape(-1, 4),
                           np.asarray(found.lengths).ravel(), strict=True):
        assert row[length - 1] in (END, 5) or length == 4
        assert not {END, 5} & set(row[:length - 1].tolist())
        assert not row[length:].any()
