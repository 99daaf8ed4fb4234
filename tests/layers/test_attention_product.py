"""`keras_seqattn.layers.attention_product`: what a subclass overrides is asked."""

import keras
import numpy as np
import pytest
from arrays import assert_close, normal
from keras import ops

from keras_seqattn.layers import MultiHeadAttention, TransformerDecoderBlock
from keras_seqattn.layers.attention_product import UNHEARD
from keras_seqattn.testing import check_error


def _asking(base, asked):
    """A subclass whose override notes its arguments and asks the base."""
    class Asking(base):
        def _compute_attention(self, query, key, value, attention_mask=None, training=None,
                               return_attention_scores=False):
            asked.append((query.shape, key.shape, value.shape, attention_mask))
            return super()._compute_attention(
                query, key, value, attention_mask, training, return_attention_scores)

    return Asking


@pytest.mark.parametrize("call", [
    {}, {"use_causal_mask": True}, {"return_attention_scores": True},
    {"value_mask": np.arange(5)[None] < np.array([[2], [4]])},
    {"attention_mask": np.tri(5, dtype=bool)}])
def test_an_override_is_asked_and_changes_nothing_by_asking_its_base(call, rng):
    asked, x = [], normal(rng, 2, 5, 7)
    ours, theirs = MultiHeadAttention(3, 4, 2), _asking(MultiHeadAttention, asked)(3, 4, 2)
    ours.build(x.shape, x.shape)
    theirs.build(x.shape, x.shape)
    for to, of in zip(theirs.weights, ours.weights, strict=True):
        to.assign(of)
    wanted, found = ours(x, x, **call), theirs(x, x, **call)
    for one, two in zip(keras.tree.flatten(found), keras.tree.flatten(wanted), strict=True):
        assert_close(one, two)
    (query, key, value, mask), = asked
    assert tuple(query) == tuple(key) == (2, 5, 3, 4)
    assert tuple(value) == (2, 5, 3, 2)
    assert (mask is None) == (not call.keys() - {"return_attention_scores"})


def test_what_an_override_returns_is_what_comes_out(rng):
    class Silent(MultiHeadAttention):
        def _compute_attention(self, query, key, value, attention_mask=None, training=None,
                               return_attention_scores=False):
            return ops.zeros_like(query), None

    layer = Silent(2, 4, bias_initializer="ones")
    x = normal(rng, 2, 5, 7)
    assert_close(layer(x, x), np.ones((2, 5, 7)))


def test_the_steps_of_a_decoder_ask_too(rng):
    asked, x = [], normal(rng, 1, 3, 6)

    class Block(TransformerDecoderBlock):
        attention_class = _asking(MultiHeadAttention, asked)

    block = Block(2, 7)
    full, cache = block(x), None
    cache = block.start(1, 3)
    for position in range(3):
        column, cache = block.step(x[:, position:position + 1], cache, position)
        assert_close(column[:, 0], full[:, position])
    assert len(asked) == 4


def test_a_bias_does_not_reach_an_override(rng):
    x = normal(rng, 2, 5, 7)
    layer = _asking(MultiHeadAttention, [])(2, 4)
    check_error(lambda: layer(x, x, attention_bias=np.zeros((5, 5), "float32")),
                attention_bias_shape=(1, 1, 5, 5))


@pytest.mark.parametrize("name", UNHEARD)
def test_parts_of_keras_that_would_not_be_asked_are_refused(name):
    assert hasattr(keras.layers.MultiHeadAttention, name)
    kind = type("Own", (MultiHeadAttention,), {name: lambda self: None})
    check_error(lambda: kind(2, 3), TypeError, overridden=[name])
