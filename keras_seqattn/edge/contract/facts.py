"""What a file is made of, in whatever format it is."""

import dataclasses
import typing


@dataclasses.dataclass
class Facts:
    """What was found in a file, in whatever format it is.

    Attributes:
        ops: Name of each op to its count.
        custom_ops: Names of the ops that only their makers' runtimes have. If there are any, the
            file was not run.
        signatures: Names of its signatures.
        max_rank: Largest rank of a tensor.
        partitions: Pieces that run on the CPU's fast kernels; 1 is best.
        weight_bytes: Size of its constant numbers in bytes, without indices and shapes.
        largest_value: `{"tensor", "value"}` of the largest finite magnitude on the examples, or
            `None`.
        clipped: Name of each integer activation to the share of its values at an end of its range.
        warnings: What may be worth mending, one sentence each.
        failures: What must not be shipped, one sentence each.
    """

    ops: dict[str, int]
    custom_ops: list[str]
    signatures: list[str]
    max_rank: int
    partitions: int
    weight_bytes: int
    largest_value: dict[str, typing.Any] | None = None
    clipped: dict[str, float] = dataclasses.field(default_factory=dict)
    warnings: list[str] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)
