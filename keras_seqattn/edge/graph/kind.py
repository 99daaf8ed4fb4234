"""What a row of the table of kinds of nodes says."""

import collections.abc
import dataclasses
import typing

from keras_seqattn.shapes import Tensor

WRITES = "writes"
JOINS = "joins"


def always(*_: typing.Any) -> bool:
    """Holds for every setting of a kind."""
    return True


def never(*_: typing.Any) -> bool:
    """Holds for no setting of a kind."""
    return False


@dataclasses.dataclass(frozen=True)
class Kind:
    """A row of `KINDS`.

    Attributes:
        compute: Function of the tensors that a node reads; weights and settings follow by name. It
            returns one tensor, or a list of as many as the node makes.
        per_token: Function of settings and the place of an input. It tells whether each position
            of the output needs the same position of this input, and no other. Positions are axis 1.
        per_position: Names of the weights that have a row for each position, on axis 1.
        reads_first: Function of settings. It tells whether the node reads first positions only.
        passes_affine: Whether affine maps of the features pass through: `f(x·M + b) = f(x)·M + b`.
        stream: Part in a residual stream. `WRITES`: mapping the features of all weights by `M` maps
            those of the output, unless there is an activation. `JOINS`: the same, if those of all
            inputs are mapped too. `None`: the node has no part.
    """

    compute: collections.abc.Callable[..., Tensor]
    per_token: collections.abc.Callable[[dict, int], bool] = never
    per_position: tuple[str, ...] = ()
    reads_first: collections.abc.Callable[[dict], bool] = never
    passes_affine: bool = False
    stream: str | None = None
