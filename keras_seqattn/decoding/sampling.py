"""Sampling: each token is drawn by its probability, sharpened or cut to the likeliest."""

import typing
from collections.abc import Sequence

import keras
from keras import ops

from keras_seqattn.decoding.greedy_search import Decoded, Step, write
from keras_seqattn.errors import check_count, explain
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Tensor

_NEVER = -1e30


@plain_numbers
def sample(step: Step, tokens: Tensor, state: typing.Any, *, end: int | Sequence[int],
           max_length: int, temperature: float = 1.0, top_k: int | None = None,
           top_p: float | None = None, seed: int | Tensor = 0) -> Decoded:
    """Draws each token by its probability.

    Args:
        step: Function `(tokens, state) -> (logits, state)`, as this package describes it.
        tokens: int32, `(B,)`. The first token that is read.
        state: What `step` reads with it.
        end: Token that ends a sequence, or several such tokens.
        max_length: Largest number of tokens `T` to write.
        temperature: Divisor of the logits. Below 1 it sharpens, above 1 it flattens.
        top_k: Number of likeliest tokens that are drawn from. `None` means all.
        top_p: Draws from the fewest likeliest tokens whose probabilities add up to at least this
            share, in `(0, 1]`. `None` means all.
        seed: Integer, or the random numbers themselves, float `(B, T)` in `[0, 1)`. With numbers
            of its own a compiled function draws anew at each call.

    Returns:
        The sequences. Their scores are log-probabilities of the model, before any of the changes
        above.

    Raises:
        ValueError: `temperature` is not above 0. `top_k` or `max_length` is below 1. `top_p` lies
            outside `(0, 1]`. `end` is empty.

    Cost: as `greedy`, and one sort of the logits per step.
    Paper: Holtzman et al. 2020, section 3 (`top_p`).
    Paper: Fan et al. 2018, section 5 (`top_k`).
    """
    check_sampling(temperature, top_k, top_p)
    if isinstance(seed, int):
        seed = keras.random.uniform(
            (ops.shape(tokens)[0], max_length), dtype="float32", seed=seed)

    def draw(logits, index):
        vocab_size = logits.shape[-1]
        ordered, order = ops.top_k(ops.cast(logits, "float32") / temperature,
                                   min(top_k or vocab_size, vocab_size))
        shares = _softmax(ordered)
        before = ops.cumsum(shares, axis=-1) - shares
        if top_p is not None:
            shares = _softmax(ops.where(before < top_p, ordered, ops.full_like(ordered, _NEVER)))
            before = ops.cumsum(shares, axis=-1) - shares
        point = ops.slice(seed, (0, index), (ops.shape(seed)[0], 1))             # (B, 1)
        passed = ops.logical_and(before <= point, shares > 0)
        place = ops.sum(ops.cast(passed, "int32"), axis=-1, keepdims=True) - 1
        # Of a row that has ended, all logits may be -inf.
        place = ops.maximum(place, ops.zeros_like(place))
        return ops.squeeze(ops.take_along_axis(order, place, axis=-1), -1)

    return write(step, tokens, state, draw, end, max_length)


def _softmax(logits):
    """Softmax over the tokens. Of a single token it is 1, and `ops.softmax` would warn of that."""
    return ops.ones_like(logits) if logits.shape[-1] == 1 else ops.softmax(logits, axis=-1)


def check_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Refuses settings from which nothing can be drawn."""
    if not temperature > 0:
        raise ValueError(explain("`temperature` must be above 0", temperature=temperature,
                                 fix="use greedy decoding for the likeliest token"))
    if top_k is not None:
        check_count(top_k=top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(explain("`top_p` must lie in (0, 1]", top_p=top_p,
                                 fix="pass a share such as top_p=0.9"))
