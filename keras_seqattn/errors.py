"""One way to phrase every error: first the rule, then what came in and what to do."""

import difflib
from collections.abc import Collection, Sequence


class ExportError(RuntimeError):
    """The model could not be converted, or its file failed verification."""


class LoanError(RuntimeError):
    """Another library lacks a private part that this one borrows."""


def explain(rule: str, *, fix: str, **received: object) -> str:
    """Builds the text of an error message.

    Names and values travel together as keyword arguments. So a message cannot
    name one variable and print another.

    Args:
        rule: What must hold. Names of arguments stand in backquotes.
        fix: What to do about it, as the end of a sentence.
        **received: Every value that the rule speaks of, under its own name.

    Returns:
        Three sentences: the rule, the values and the remedy.

    >>> explain("`rate` must lie in [0, 1)", rate=1.5, fix="use rate=0.15")
    '`rate` must lie in [0, 1). Received: rate=1.5. To fix: use rate=0.15.'
    """
    seen = ", ".join(f"{name}={value!r}" for name, value in received.items())
    return f"{rule}. Received: {seen}. To fix: {fix}."


def nearest(name: object, known: Collection[str]) -> str:
    """Phrases the remedy for a misspelt name: the nearest known name, then all of them.

    >>> nearest("bas", ["tiny", "base"])
    "did you mean 'base'? Known: 'base', 'tiny'"
    >>> nearest("zzz", ["tiny", "base"])
    "use one of 'base', 'tiny'"
    """
    listed = ", ".join(repr(each) for each in sorted(known))
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}? Known: {listed}"
    return f"use one of {listed}"


def check_share(**shares: float) -> None:
    """Checks that each named rate is a share in [0, 1).

    >>> check_share(dropout=0.1)
    >>> check_share(dropout=1.0)
    Traceback (most recent call last):
        ...
    ValueError: `dropout` must lie in [0, 1). Received: dropout=1.0. To fix: \
pass a share such as dropout=0.1.
    """
    for name, value in shares.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(explain(
                f"`{name}` must be a number", fix=f"pass a share such as {name}=0.1",
                **{name: value}))
        if not 0 <= value < 1:
            raise ValueError(explain(
                f"`{name}` must lie in [0, 1)", fix=f"pass a share such as {name}=0.1",
                **{name: value}))


def check_count(**counts: int) -> None:
    """Checks that each named size is a whole number of at least 1.

    >>> check_count(num_heads=3)
    >>> check_count(num_heads=0)
    Traceback (most recent call last):
        ...
    ValueError: `num_heads` must be at least 1. Received: num_heads=0. To fix: \
pass a positive whole number.
    """
    for name, value in counts.items():
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(explain(
                f"`{name}` must be a whole number",
                fix="pass a positive whole number", **{name: value}))
        if value < 1:
            raise ValueError(explain(
                f"`{name}` must be at least 1",
                fix="pass a positive whole number", **{name: value}))


def check_sequence(input_shape: Sequence[int | None], layer: str) -> int:
    """Checks that a layer's input is a sequence of known width, `(B, T, D)`, and returns `D`.

    >>> check_sequence((None, 5, 3), "ClassToken")
    3
    """
    width = input_shape[-1] if len(input_shape) == 3 else None
    if width is None:
        raise ValueError(explain(
            f"the input of {layer} must have rank 3 and a known width: "
            "(batch, positions, features)", input_shape=tuple(input_shape),
            fix="reshape it, or set the last axis"))
    return width
