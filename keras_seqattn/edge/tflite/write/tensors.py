"""What is known of a tensor and of an op, and the error of tensors that do not fit."""

import collections.abc
import dataclasses
import typing

import numpy as np

from keras_seqattn.errors import explain


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a body.

    Attributes:
        index: Its number within the body.
        shape: Sizes.
        dtype: NumPy's name of its type.
        array: Values of a constant; `None` of what is computed.
    """

    index: int
    shape: tuple[int, ...]
    dtype: str
    array: np.ndarray | None = None


Made: typing.TypeAlias = list[tuple[tuple[int, ...], str]]
Writers: typing.TypeAlias = dict[str, collections.abc.Callable[..., typing.Any]]
Rule: typing.TypeAlias = collections.abc.Callable[..., Made]


class Row(typing.NamedTuple):
    """What is known of an op.

    Attributes:
        rule: Function of the inputs, and of the options by name.
        options: Name of its table of options in the schema, or `None`.
    """

    rule: Rule
    options: str | None = None


def fail(rule: str, **found: typing.Any) -> typing.NoReturn:
    """Raises the error of an op whose tensors do not fit.

    Raises:
        ValueError: always.
    """
    raise ValueError(explain(rule, **found, fix="the graph is damaged: report how it was made"))


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the shape to which shapes broadcast."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        fail("operands must broadcast", shapes=shapes)
