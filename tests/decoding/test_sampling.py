"""`keras_seqattn.decoding.sampling`."""

import numpy as np
import pytest
from keras import ops

from keras_seqattn import decoding
from keras_seqattn.testing import check_error

LOGITS = np.log([0.05, 0.4, 0.25, 0.2, 0.1]).astype("float32")
ROWS = 2003


def constant(tokens, state):
    return ops.zeros((ops.shape(tokens)[0], 1)) + ops.convert_to_tensor(LOGITS), state


def shares(**options):
    written = decoding.sample(constant, ops.zeros((ROWS,), "int32"), (), end=-1, max_length=1,
                              **options)
    return np.bincount(np.asarray(written.tokens)[:, 0], minlength=5) / ROWS


def test_tokens_come_as_often_as_their_probability_says():
    """Within four standard errors."""
    expected = np.exp(LOGITS)
    assert np.all(np.abs(shares(seed=3) - expected) < 4 * np.sqrt(expected / ROWS))


def test_temperature_sharpens():
    expected = np.exp(LOGITS / 0.5) / np.exp(LOGITS / 0.5).sum()
    assert np.all(np.abs(shares(seed=4, temperature=0.5) - expected)
                  < 4 * np.sqrt(expected / ROWS))


def test_top_k_draws_from_the_likeliest_only():
    found = shares(seed=5, top_k=2)
    assert found[[0, 3, 4]].sum() == 0
    np.testing.assert_allclose(found[1], 0.4 / 0.65, atol=0.05)


def test_of_one_token_it_is_greedy():
    assert shares(seed=7, top_k=1)[1] == 1


def test_top_p_keeps_the_fewest_that_reach_the_share():
    found = shares(seed=6, top_p=0.6)  # 0.4 + 0.25 reach it
    assert found[[0, 3, 4]].sum() == 0
    assert shares(seed=6, top_p=0.3)[1] == 1


def test_the_numbers_themselves_say_which_token():
    numbers = ops.array([[0.0], [0.39], [0.41], [0.84], [0.86], [0.96]])
    written = decoding.sample(constant, ops.zeros((6,), "int32"), (), end=-1, max_length=1,
                              seed=numbers)
    np.testing.assert_array_equal(written.tokens[:, 0], [1, 1, 2, 3, 4, 0])


def test_a_seed_draws_the_same_again():
    first, second, other = (decoding.sample(
        constant, ops.zeros((7,), "int32"), (), end=-1, max_length=5, seed=seed).tokens
        for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert np.any(np.asarray(first) != np.asarray(other))


@pytest.mark.parametrize("options", [
    {"temperature": 0.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}, {"temperature": -1.0}])
def test_bad_settings(options):
    check_error(lambda: decoding.sample(constant, ops.zeros((1,), "int32"), (), end=-1,
                                        max_length=1, **options), **options)
