"""Reads a compiled program (HLO): what it copies, exchanges and pads, and for which layers.

Only what runs by itself is looked at. What is inside of a fusion never reaches the memory, and what
a reduction applies is no operation of its own.

Source: openxla.org/xla, the pages "Tiled layout" and "Shapes and layout".
"""

import collections
import collections.abc
import math
import re
import typing

WIDTHS = {"pred": 1, "s4": 0.5, "u4": 0.5, "s8": 1, "u8": 1, "s16": 2, "u16": 2, "f16": 2,
          "bf16": 2, "s32": 4, "u32": 4, "f32": 4, "s64": 8, "u64": 8, "f64": 8, "c64": 8,
          "f8e5m2": 1, "f8e4m3fn": 1, "token": 0}
MOVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
HOST = ("infeed", "outfeed", "send", "recv")
LINE = re.compile(r"^\s+(?:ROOT )?%?([\w.-]+) = (.*?) ([a-z][a-z-]*)\((.*)$")
HEAD = re.compile(r"^(?:ENTRY )?%?([\w.-]+) .*{$")
ARRAY = re.compile(r"([a-z][a-z0-9]*)\[([\d,<=]*)\](?:{([\d,]*)(?::([^}]*))?})?")
APPLIED = re.compile(r"(?:to_apply|calls)=%?([\w.-]+)")
NAME = re.compile(r'op_name="([^"]+)"')
TARGET = re.compile(r'custom_call_target="([^"]+)"')
FUSED = ("fusion", "reduce", "all-reduce", "all-reduce-start", "reduce-scatter", "reduce-window",
         "scatter", "sort", "map", "select-and-scatter")
WRAPPED = re.compile(r"(?:transpose|jvp|vmap|checkpoint|remat|rematted_computation)\((.*)\)$")


class Array(typing.NamedTuple):
    """One array of a program: its size, and how it lies in memory.

    Attributes:
        dtype: As HLO calls it, such as `"bf16"`.
        shape: Its sides.
        order: Its axes from the fastest on.
        tile: Sides of the first tile, or `()`.
        space: Number of the memory; 0 is HBM.
    """

    dtype: str
    shape: tuple[int, ...]
    order: tuple[int, ...]
    tile: tuple[int, ...]
    space: int

    @property
    def bytes(self) -> int:
        """Bytes of the numbers themselves."""
        return math.ceil(math.prod(self.shape) * WIDTHS.get(self.dtype, 4))

    @property
    def padded_bytes(self) -> int:
        """Bytes with what fills the tiles up.

        >>> arrays("bf16[16,197,384]{2,1,0:T(8,128)(2,1)}")[0].padded_bytes == 16 * 200 * 384 * 2
        True
        """
        sides = [self.shape[axis] for axis in reversed(self.order)]
        sides = [1] * (len(self.tile) - len(sides)) + sides
        first = len(sides) - len(self.tile)
        for at, side in enumerate(self.tile, first):
            sides[at] = -(-sides[at] // side) * side
        return math.ceil(math.prod(sides) * WIDTHS.get(self.dtype, 4))


class Operation(typing.NamedTuple):
    """One operation that runs by itself.

    Attributes:
        name: Its own name.
        kind: What it does, such as `"copy"`.
        results: Arrays that it makes.
        takes: Names of what it reads.
        op_name: Scopes of the code that it comes from.
        target: Of a custom call, else `""`.
        at_entry: Whether it is in the main computation, else in a loop or a branch.
    """

    name: str
    kind: str
    results: tuple[Array, ...]
    takes: tuple[str, ...]
    op_name: str
    target: str
    at_entry: bool


def arrays(text: str) -> tuple[Array, ...]:
    """Reads the type of an operation, which may be a tuple.

    >>> arrays("(f32[]{:T(128)}, bf16[3,5]{0,1:T(8,128)(2,1)S(1)})")[1]
    Array(dtype='bf16', shape=(3, 5), order=(0, 1), tile=(8, 128), space=1)
    """
    found = []
    for dtype, sides, order, layout in ARRAY.findall(text):
        tile = re.search(r"T\(([\d,]+)\)", layout)
        space = re.search(r"S\((\d+)\)", layout)
        shape = tuple(int(side.lstrip("<=")) for side in sides.split(",") if side)
        axes = tuple(map(int, filter(None, order.split(",")))) or tuple(range(len(shape)))[::-1]
        found.append(Array(dtype, shape, axes,
                           tuple(map(int, tile[1].split(","))) if tile else (),
                           int(space[1]) if space else 0))
    return tuple(found)


def read(text: str) -> list[Operation]:
    """Reads the operations of a compiled program that run by themselves, in their order.

    Args:
        text: As of `Compiled.text`.
    """
    found: list[tuple[str, Operation]] = []
    inside: set[str] = set()
    computation, at_entry = "", False
    for line in text.splitlines():
        match = LINE.match(line)
        if match is None:
            head = HEAD.match(line)
            if head is not None:
                computation, at_entry = head[1], line.startswith("ENTRY")
            continue
        name, type_, kind, rest = match.groups()
        if kind in FUSED:
            inside.update(APPLIED.findall(rest))
        scope, target = NAME.search(rest), TARGET.search(rest)
        found.append((computation, Operation(
            name, kind, arrays(type_), tuple(re.findall(r"%([\w.-]+)", rest.split("), ")[0])),
            scope[1] if scope else "", target[1] if target else "", at_entry)))
    return [operation for place, operation in found if place not in inside]


def copies(operations: collections.abc.Iterable[Operation]) -> list[Operation]:
    """Returns the copies and transpositions of arrays; those of single numbers are left out."""
    return [each for each in operations if each.kind in ("copy", "transpose")
            and max((math.prod(array.shape) for array in each.results), default=0) > 1]


def collectives(operations: collections.abc.Iterable[Operation]) -> dict[str, dict[str, int]]:
    """Returns the bytes that devices exchange: kind of exchange to dtype to bytes of results."""
    moved: dict[str, dict[str, int]] = {}
    for each in operations:
        kind = each.kind.removesuffix("-done")
        if kind in MOVES:
            sums = moved.setdefault(kind, collections.Counter())
            for array in each.results:
                sums[array.dtype] += array.bytes
    return {kind: dict(sums) for kind, sums in moved.items()}


def host_transfers(operations: collections.abc.Iterable[Operation]) -> list[Operation]:
    """Returns what exchanges data with the host in the middle of a step."""
    return [each for each in operations if each.kind in HOST
            or re.search("host|callback", each.target, re.IGNORECASE)
            or any(array.space == 5 for array in each.results)]


def custom_calls(operations: collections.abc.Iterable[Operation]) -> dict[str, int]:
    """Returns how often each custom call is made."""
    return dict(collections.Counter(each.target for each in operations if each.target))


def padding(operations: collections.abc.Iterable[Operation]) -> dict[str, float]:
    """Returns the share of bytes in HBM that only fill tiles up: of arguments, and of results."""
    sums: dict[str, list[int]] = {"arguments": [0, 0], "results": [0, 0]}
    for each in operations:
        if each.kind in ("get-tuple-element", "tuple", "bitcast"):
            continue
        if each.kind == "parameter" and not each.at_entry:
            continue
        own = sums["arguments" if each.kind == "parameter" else "results"]
        for array in each.results:
            if array.space == 0:
                own[0] += array.bytes
                own[1] += array.padded_bytes
    return {name: 1 - own / padded if padded else 0.0 for name, (own, padded) in sums.items()}


def layer_of(op_name: str, layers: collections.abc.Container[str]) -> str:
    """Returns the layers that an operation comes from, from outside in, or `""`.

    Args:
        op_name: As of `Operation`.
        layers: Names of the layers of the model.

    >>> layer_of("jit(train_step)/transpose(jvp(block_1))/attention/dot_general",
    ...          {"block_1", "attention"})
    'block_1/attention'
    """
    found = []
    for scope in op_name.partition(";")[0].split("/"):
        while (inner := WRAPPED.match(scope)) is not None:
            scope = inner[1]
        if scope in layers:
            found.append(scope)
    return "/".join(found)
