"""What the doctor has to say: one thing that a TPU would not like."""

import typing


class Finding(typing.NamedTuple):
    """One thing a TPU would not like.

    Attributes:
        what: What it is.
        where: Field of the recipe, batch, or layer and op.
        fix: How to mend it.
        severity: `"error"`, or `"note"` for what only costs time or memory.
    """

    what: str
    where: str
    fix: str
    severity: str = "error"
