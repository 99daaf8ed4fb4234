"""The TPUs that can be rented: their shapes, their memory and their published rates.

Sources: docs.cloud.google.com/tpu/docs, the pages v3, v4, v5e, v5p and tpu7x, whose table has v6e,
too (the page v6e rounds 1638 GB/s to 1600). They tell the shapes of slices, and of a chip its peak
rate in bfloat16 and the bandwidth and capacity of its memory (HBM). Rates of v2 are in Jouppi et
al. 2020, "A Domain-Specific Supercomputer for Training Deep Neural Networks", which the page v2
names. Slices in three dimensions have sides that are multiples of 4, the smallest aside.
"""

import math
import re
import typing

from keras_seqattn.errors import explain, nearest

GIB = 2 ** 30
FLAT = ("2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
DEEP = ("2x2x1", "2x2x2", "2x2x4", "2x4x4", "4x4x4", "4x4x8", "4x8x8", "8x8x8", "8x8x16")
CHIPS_PER_HOST = 4


class Generation(typing.NamedTuple):
    """One generation of TPUs, by its chip.

    Attributes:
        shapes: Slices that are listed. Of those in three dimensions there are more.
        largest: Chips of the largest slice.
        devices: Devices that JAX sees in a chip.
        flops: Published peak, floating-point operations in bfloat16 per second.
        bandwidth: Published peak, bytes of HBM per second.
        memory: Published HBM, in GiB.
        usable: What the compiler gives a program on one device, in GiB. It is the compiler's own
            word, since it keeps a part of the HBM for itself.
    """

    shapes: tuple[str, ...]
    largest: int
    devices: int
    flops: float
    bandwidth: float
    memory: int
    usable: float


GENERATIONS = {
    "v2": Generation(("2x2", "4x4", "4x8", "8x8", "8x16", "16x16"), 256, 2, 46e12, 700e9, 16, 7.48),
    "v3": Generation(("2x2", "4x4", "4x8", "8x8", "8x16", "16x16", "16x32", "32x32"), 1024, 2,
                     123e12, 900e9, 32, 15.48),
    "v4": Generation(DEEP, 4096, 2, 275e12, 1200e9, 32, 15.25),
    "v5e": Generation(("1x1", *FLAT), 256, 1, 197e12, 819e9, 16, 15.75),
    "v5p": Generation(DEEP, 8960, 1, 459e12, 2765e9, 95, 95.74),
    "v6e": Generation(("1x1", *FLAT), 256, 1, 918e12, 1638e9, 32, 31.25),
    "tpu7x": Generation(("1x1x1", *DEEP), 9216, 2, 2307e12, 7380e9, 192, 94.75),
}


class Topology(typing.NamedTuple):
    """A slice of a generation.

    Attributes:
        generation: Key of `GENERATIONS`.
        sides: Chips along each axis.
    """

    generation: str
    sides: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.generation}:{'x'.join(map(str, self.sides))}"

    @property
    def made(self) -> Generation:
        """What all chips of the generation have in common."""
        return GENERATIONS[self.generation]

    @property
    def chips(self) -> int:
        return math.prod(self.sides)

    @property
    def devices(self) -> int:
        """Devices that JAX sees: those that share a batch."""
        return self.chips * self.made.devices

    @property
    def hosts(self) -> int:
        return max(self.chips // CHIPS_PER_HOST, 1)

    @property
    def usable(self) -> int:
        """Bytes that a program may take on one device."""
        return int(self.made.usable * GIB)


def parse(name: str) -> Topology:
    """Reads the name of a topology.

    Args:
        name: Generation and sides, such as `"v5e:4x4"`.

    Returns:
        `Topology`.

    Raises:
        ValueError: there is no such generation, or it has no such slice.

    >>> parse("v5e:4x4").hosts, parse("v4:2x2x2").devices
    (4, 16)
    """
    generation, _, shape = name.partition(":")
    if generation not in GENERATIONS:
        raise ValueError(explain(
            "the topology is not known", topology=name,
            fix=f"{nearest(generation, GENERATIONS)}, each with its slice, such as "
                + ", ".join(f"{each}:{made.shapes[0]}" for each, made in GENERATIONS.items())))
    made = GENERATIONS[generation]
    if shape not in made.shapes and not _is_deep(shape, made):
        more = " …" if made.shapes[-1] in DEEP else ""
        raise ValueError(explain(
            f"{generation} has no such slice", topology=name, fix="use one of "
            + ", ".join(f"{generation}:{each}" for each in made.shapes) + more))
    return Topology(generation, tuple(map(int, shape.split("x"))))


def _is_deep(shape: str, made: Generation) -> bool:
    """Whether a shape is one of the many of three sides, 4i×4j×4k with i ≤ j ≤ k."""
    if made.shapes[-1] not in DEEP or not re.fullmatch(r"[1-9]\d*x[1-9]\d*x[1-9]\d*", shape):
        return False
    sides = list(map(int, shape.split("x")))
    return (not any(side % 4 for side in sides) and sides == sorted(sides)
            and math.prod(sides) <= made.largest)
