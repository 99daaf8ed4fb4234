"""Beam search: the likeliest sequences, by following several beginnings at once."""

import typing
from collections.abc import Callable, Sequence

import keras
from keras import ops

from keras_seqattn.decoding.greedy_search import Decoded, Step, end_tokens, is_end
from keras_seqattn.errors import check_count, explain
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Tensor

# Log-probability of what cannot be. It is finite, so that no difference of two is NaN.
_NEVER = -1e30


def google_penalty(alpha: float) -> Callable[[Tensor], Tensor]:
    """The length penalty of Wu et al. 2016, equation 14: `((5 + length) / 6) ** alpha`.

    >>> google_penalty(1.0)(7)
    2.0
    """
    return lambda length: ((5.0 + length) / 6.0) ** alpha


@plain_numbers
def beam(step: Step, tokens: Tensor, state: typing.Any, *, end: int | Sequence[int],
         max_length: int, width: int, length_penalty: float | Callable[[Tensor], Tensor] = 0.6,
         num_best: int = 1) -> Decoded:
    """Follows the `width` likeliest beginnings and returns the best finished sequences.

    At each step every beginning is continued by every token. Some of the `width` best continuations
    end. They are finished: they are put aside with their score and change no more. The best that
    do not end are followed. The search stops early when no beginning can overtake the worst of the
    `width` best finished sequences. Stopping then changes no result.

    Args:
        step: Function `(tokens, state) -> (logits, state)`, as this package describes it. It is
            called with `B·width` rows.
        tokens: int32, `(B,)`. The first token that is read.
        state: What `step` reads with it, for `B` rows.
        end: Token that ends a sequence, or several such tokens.
        max_length: Largest number of tokens `T` to write. A sequence that reaches it is finished.
        width: Number of beginnings `W`. 1 is greedy decoding.
        length_penalty: Exponent of `google_penalty`, or a function of the number of written tokens
            that must not fall. It divides the log-probability, so 0 ranks by probability.
        num_best: Number of sequences `n` to return, at most `width`.

    Returns:
        The best sequences, best first. Tokens are `(B, n, T)`. Lengths and scores are `(B, n)`.
        Where fewer than `n` sequences exist, the score is `-inf`, and the others are 0.

    Raises:
        ValueError: `width`, `max_length` or `num_best` is below 1. `width` is greater than the
            vocabulary. `num_best` is greater than `width`. `length_penalty` is below 0. `end` is
            empty.

    Cost: at most `T` steps of `B·W` rows. Each step sorts `W·V` numbers, and copies those parts of
    the state that it changes.
    Paper: Wu et al. 2016, section 7.
    """
    check_count(width=width, max_length=max_length, num_best=num_best)
    if num_best > width:
        raise ValueError(explain("`num_best` must not exceed `width`", num_best=num_best,
                                 width=width, fix="raise width"))
    if not callable(length_penalty):
        if length_penalty < 0:
            raise ValueError(explain("`length_penalty` must not be below 0",
                                     length_penalty=length_penalty, fix="use 0 for none"))
        length_penalty = google_penalty(length_penalty)
    search = _Search(step, end_tokens(end), max_length, width, length_penalty)
    return search.run(ops.cast(tokens, "int32"), state, num_best)


class _Search:
    def __init__(self, step, ends, max_length, width, penalty):
        self.step = step
        self.ends = ends
        self.max_length = max_length
        self.width = width
        self.penalty = penalty

    def run(self, tokens, state, num_best):
        rows, width = ops.shape(tokens)[0], self.width
        copies = ops.arange(rows * width, dtype="int32") // width
        # All beginnings are the same one at first, so only one of them may be continued.
        first = [0.0] + [_NEVER] * (width - 1)
        loop = (
            ops.convert_to_tensor(0, "int32"),
            ops.take(tokens, copies, axis=0),
            keras.tree.map_structure(
                lambda x: ops.take(x, copies, axis=0) if len(x.shape) else x, state),
            ops.zeros((rows, width, self.max_length), "int32"),
            ops.zeros((rows, width), "float32") + ops.convert_to_tensor([first], "float32"),
            Decoded(ops.zeros((rows, width, self.max_length), "int32"),
                    ops.zeros((rows, width), "int32"),
                    ops.full((rows, width), _NEVER, "float32")))
        finished = ops.while_loop(
            self._goes_on, self._extend, loop, maximum_iterations=self.max_length)[-1]
        scores = finished.scores[:, :num_best]
        exists = _possible(scores)
        found = ops.cast(exists, "int32")
        return Decoded(finished.tokens[:, :num_best] * ops.expand_dims(found, -1),
                       finished.lengths[:, :num_best] * found,
                       ops.where(exists, scores, ops.full_like(scores, -float("inf"))))

    def _goes_on(self, index, tokens, state, written, scores, finished):
        """Whether some row's best beginning could still beat its worst finished sequence."""
        best = ops.max(_only(scores / self.penalty(float(self.max_length)), _possible(scores)),
                       axis=-1)
        return ops.any(best > ops.min(finished.scores, axis=-1))

    def _extend(self, index, tokens, state, written, scores, finished):
        rows, width = ops.shape(scores)[0], self.width
        logits, new_state = self.step(tokens, state)
        vocab_size = logits.shape[-1]
        if width > vocab_size:
            raise ValueError(explain("`width` must not exceed the vocabulary", width=width,
                                     vocab_size=vocab_size, fix=f"use width={vocab_size}"))
        logits = ops.maximum(ops.cast(logits, "float32"), _NEVER)    # What may not follow has -inf.
        gained = _only(ops.log_softmax(logits, axis=-1), _possible(logits))
        gained = ops.reshape(gained, (-1, width, vocab_size))
        total = ops.reshape(ops.expand_dims(scores, -1) + gained, (-1, width * vocab_size))
        total = _only(total, _possible(total))
        total, place = ops.top_k(total, min(2 * width, width * vocab_size))      # (B, 2W)
        parent = ops.cast(place // vocab_size, "int32")
        token = ops.cast(place, "int32") - parent * vocab_size

        is_last = ops.equal(index, self.max_length - 1)
        ends = ops.logical_or(is_end(token, self.ends), is_last)
        among_best = ops.expand_dims(
            ops.arange(total.shape[-1], dtype="int32") < width, 0)
        length = index + 1
        candidates = _grow(written, parent, token, index)
        finished = _best(
            Decoded(ops.concatenate([finished.tokens, candidates], 1),
                    ops.concatenate([finished.lengths,
                                     ops.zeros_like(token) + length], 1),
                    ops.concatenate([finished.scores, _only(
                        total / self.penalty(ops.cast(length, "float32")),
                        ops.logical_and(_possible(total), ops.logical_and(ends, among_best)))],
                        1)), width)

        scores, chosen = ops.top_k(_only(total, ops.logical_not(ends)), width)   # (B, W)
        parent, token = _pick(parent, chosen), _pick(token, chosen)
        offsets = ops.expand_dims(ops.arange(rows, dtype="int32") * width, 1)
        beams = ops.reshape(parent + offsets, (-1,))                             # (B·W,)

        def follow(old, new):
            # What a step hands on as it is, such as a memory, is the same for all beams of a row.
            return new if new is old or not len(new.shape) else ops.take(new, beams, axis=0)

        state = keras.tree.map_structure(follow, state, new_state)
        return (index + 1, ops.reshape(token, (-1,)), state, _pick(candidates, chosen), scores,
                finished)


def _grow(written, parent, token, index):
    """Puts tokens behind the beginnings that they continue: `(B, W, T)` to `(B, 2W, T)`."""
    grown = _pick(written, parent)
    place = ops.arange(written.shape[-1], dtype="int32")
    here = ops.cast(ops.equal(place, index), "int32")
    return grown + ops.expand_dims(token, -1) * here


def _best(decoded, count):
    scores, chosen = ops.top_k(decoded.scores, count)
    return Decoded(_pick(decoded.tokens, chosen), _pick(decoded.lengths, chosen), scores)


def _possible(scores):
    """Which scores are those of what can be. Penalties of lengths leave `_NEVER` far below."""
    return scores > _NEVER * 1e-6


def _only(scores, allowed):
    """Keeps scores where they are allowed. All others become `_NEVER`, the lowest there is."""
    allowed = ops.cast(allowed, "float32")
    return ops.maximum(scores * allowed + _NEVER * (1.0 - allowed), _NEVER)


def _pick(x, chosen):
    """Picks along axis 1: `(B, X, …)` at `(B, Y)` gives `(B, Y, …)`."""
    chosen = ops.cast(chosen, "int32")
    if len(x.shape) == 2:
        return ops.take_along_axis(x, chosen, axis=1)
    rows, count = ops.shape(x)[0], x.shape[1]
    places = chosen + ops.expand_dims(ops.arange(rows, dtype="int32") * count, 1)
    flat = ops.reshape(x, (-1, *x.shape[2:]))
    return ops.reshape(ops.take(flat, ops.reshape(places, (-1,)), axis=0),
                       (-1, chosen.shape[1], *x.shape[2:]))
