"""The largest batch that fits, found by bisection."""

import collections.abc
import typing

FINE = 32       # the batch is known to a part in so many
MORE = 1.02     # operations of an example, as a multiple of the fewest: above it, some are repeated
STRIDE = 4      # the next batch is at most so many times the one before


class Tried(typing.NamedTuple):
    """A batch that fits. Sizes are in bytes.

    Attributes:
        fixed: What does not grow with the batch.
        peak: The most memory that is taken at once.
        flops: Floating-point operations of one example.
    """

    fixed: int
    peak: int
    flops: float


class Largest(typing.NamedTuple):
    """What fits.

    Attributes:
        batch_size: The largest batch that was tried and fits, or 0.
        refused: The smallest batch that was tried and does not fit, or `None`.
        not_repeated: The largest batch for which the compiler computes nothing again. Near the
            edge of the memory it drops activations and computes them a second time, unasked.
        tried: Each batch that was tried, with what was found or `None`.
    """

    batch_size: int
    refused: int | None
    not_repeated: int
    tried: dict[int, Tried | None]


def largest(compile_batch: collections.abc.Callable[[int], Tried | None], start: int, unit: int,
            memory: int, limit: int = 2 ** 24) -> Largest:
    """Finds the largest batch that fits, to a part in `FINE`.

    Args:
        compile_batch: Function of a batch size that returns what was found, or `None` where it
            does not fit.
        start: Batch to begin with, a multiple of `unit`.
        unit: What each batch is a multiple of.
        memory: Bytes that a program may take.
        limit: Batch beyond which nothing is tried.

    >>> def fits(batch):
    ...     return Tried(10, 10 + batch, 1.0) if batch <= 117 else None
    >>> largest(fits, start=8, unit=8, memory=127)[:3]
    (112, 120, 112)
    """
    tried: dict[int, Tried | None] = {}

    def fits(batch: int) -> bool:
        if batch not in tried:
            tried[batch] = compile_batch(batch)
        return tried[batch] is not None

    def repeats_nothing(batch: int) -> bool:
        return fits(batch) and _flops(tried, batch) <= MORE * min(
            each.flops for each in tried.values() if each is not None)

    last, refused = _bounds(fits, tried, start, unit, memory, limit)
    last, refused = _bisect(fits, last, refused, unit)
    plain = max((batch for batch in tried if repeats_nothing(batch)), default=0)
    if plain < last:
        repeated = min(batch for batch in tried if batch > plain)
        plain, _ = _bisect(repeats_nothing, plain, repeated, unit)
    return Largest(last, refused, plain, dict(sorted(tried.items())))


def _bounds(fits, tried, start, unit, memory, limit):
    """A batch that fits, or 0, and one that does not, or `None` where the limit is reached."""
    last, batch = 0, start
    while batch <= limit and fits(batch):
        last = batch
        found = tried[batch]
        whole = batch * (memory - found.fixed) / max(found.peak - found.fixed, 1)
        batch = max(min(int(whole), STRIDE * batch) // unit * unit + unit, batch + unit)
    if batch > limit:
        return last, None
    return last, batch


def _bisect(holds, low, high, unit):
    """The largest batch that holds between one that does, or 0, and one that does not."""
    while high is not None and high - low > max(unit, low // FINE // unit * unit):
        middle = (low + high) // 2 // unit * unit
        if holds(middle):
            low = middle
        else:
            high = middle
    return low, high


def _flops(tried, batch):
    return tried[batch].flops
