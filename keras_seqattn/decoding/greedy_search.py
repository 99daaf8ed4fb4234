"""One token after another: the loop that `greedy` and `sample` share."""

import typing
from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

from keras_seqattn.errors import check_count, explain
from keras_seqattn.plain import plain, plain_numbers
from keras_seqattn.shapes import Tensor

PAD = 0
Step: typing.TypeAlias = Callable[[Tensor, typing.Any], tuple[Tensor, typing.Any]]


class Decoded(typing.NamedTuple):
    """Sequences that were written. A beam search adds an axis `n` behind the batch.

    Attributes:
        tokens: int32, `(B, T)`. The first is the first that was written. Behind the end token
            stands 0.
        lengths: int32, `(B,)`. Number of written tokens, with the end token.
        scores: float32, `(B,)`. Log-probability of the sequence. A beam search divides it by the
            length penalty.
    """

    tokens: Tensor
    lengths: Tensor
    scores: Tensor


@plain_numbers
def greedy(step: Step, tokens: Tensor, state: typing.Any, *, end: int | Sequence[int],
           max_length: int) -> Decoded:
    """Writes the likeliest token, again and again.

    Args:
        step: Function `(tokens, state) -> (logits, state)`, as this package describes it.
        tokens: int32, `(B,)`. The first token that is read.
        state: What `step` reads with it.
        end: Token that ends a sequence, or several such tokens.
        max_length: Largest number of tokens `T` to write.

    Returns:
        The sequences.

    Raises:
        ValueError: `max_length` is below 1. `end` is empty.

    Example:

    >>> def step(tokens, state):  # counts: after token t comes t + 1
    ...     return ops.one_hot(tokens + 1, 7), state
    >>> ops.convert_to_numpy(greedy(step, ops.array([1, 3]), (), end=5, max_length=4).tokens)
    array([[2, 3, 4, 5],
           [4, 5, 0, 0]], dtype=int32)

    Cost: at most `T` steps. The loop stops when every row has ended.
    """
    return write(step, tokens, state, lambda logits, _: likeliest(logits), end, max_length)


def likeliest(logits: Tensor) -> Tensor:
    """Finds the place of the largest logit: int32, without the last axis.

    Of several it is the first. `ops.top_k` would sort. On TensorFlow `ops.argmax` looks at the bits
    of zeros, for which LiteRT has no op.
    """
    vocab_size = logits.shape[-1]
    highest = ops.equal(logits, ops.max(logits, axis=-1, keepdims=True))
    places = ops.arange(vocab_size, dtype="int32")
    return ops.min((1 - ops.cast(highest, "int32")) * vocab_size + places, axis=-1)


def end_tokens(end: int | Sequence[int]) -> tuple[int, ...]:
    """Returns the tokens that end a sequence, of one or several.

    >>> end_tokens(2), end_tokens([2, 5])
    ((2,), (2, 5))
    """
    ends = plain(tuple(np.atleast_1d(np.asarray(end, object))))
    if not ends or any(isinstance(each, bool) or not isinstance(each, int) for each in ends):
        raise ValueError(explain("`end` must be a token or several", end=end,
                                 fix="pass an integer, or a tuple of integers"))
    return ends


def is_end(tokens: Tensor, ends: tuple[int, ...]) -> Tensor:
    """Tells of each token whether it ends its sequence: boolean, of the shape of the tokens."""
    found = ops.equal(tokens, ends[0])
    for each in ends[1:]:
        found = ops.logical_or(found, ops.equal(tokens, each))
    return found


def write(step: Step, tokens: Tensor, state: typing.Any,
          choose: Callable[[Tensor, Tensor], Tensor], end: int | Sequence[int],
          max_length: int) -> Decoded:
    """Writes the token that `choose(logits, index)` picks, until every row has ended."""
    check_count(max_length=max_length)
    ends = end_tokens(end)
    tokens = ops.cast(tokens, "int32")
    rows = ops.shape(tokens)[0]
    empty = Decoded(ops.zeros((rows, max_length), "int32"), ops.zeros((rows,), "int32"),
                    ops.zeros((rows,), "float32"))

    def goes_on(index, tokens, state, ended, written):
        return ops.logical_not(ops.all(ended))

    def write_one(index, tokens, state, ended, written):
        logits, state = step(tokens, state)
        chosen = ops.cast(choose(logits, index), "int32")                        # (B,)
        logits = ops.cast(logits, "float32")
        gained = ops.take_along_axis(
            logits, ops.expand_dims(chosen, -1), axis=-1)                        # (B, 1)
        gained = ops.squeeze(gained, -1) - ops.logsumexp(logits, axis=-1)
        going = ops.cast(ops.logical_not(ended), "int32")
        chosen = chosen * going + PAD * (1 - going)
        written = Decoded(
            ops.slice_update(written.tokens, (0, index), ops.expand_dims(chosen, 1)),
            written.lengths + going,
            # What a step says of rows that have ended may be no number.
            written.scores + ops.where(ended, ops.zeros_like(gained), gained))
        return index + 1, chosen, state, ops.logical_or(ended, is_end(chosen, ends)), written

    loop = (ops.convert_to_tensor(0, "int32"), tokens, state, ops.zeros((rows,), "bool"), empty)
    return ops.while_loop(goes_on, write_one, loop, maximum_iterations=max_length)[-1]
