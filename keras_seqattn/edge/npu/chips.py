"""The chips whose NPU files can be compiled for, as LiteRT's plugin for Qualcomm knows them."""

import collections.abc
import typing

from keras_seqattn.errors import explain, nearest

MAKER = "qualcomm"


class Chip(typing.NamedTuple):
    """A chip with an NPU.

    Attributes:
        name: Qualcomm's name.
        number: The chip's number in Qualcomm's SDK, `soc_model`.
        architecture: Generation of its Hexagon Tensor Processor.
        floats: Whether the NPU computes on floats. One that does not takes `static_wi8_ai16` alone.
    """

    name: str
    number: int
    architecture: int
    floats: bool = True


# Names from `ai_edge_litert.aot.vendors.qualcomm.target`; numbers and generations as the compiler
# of 2.3.0 tells them.
CHIPS = {each.name: each for each in (
    Chip("SA8255", 52, 73),
    Chip("SA8295", 39, 68),
    Chip("SM8350", 30, 68, floats=False),
    Chip("SM8450", 36, 69),
    Chip("SM8475", 42, 69),
    Chip("SM8550", 43, 73),
    Chip("SM8650", 57, 75),
    Chip("SM8750", 69, 79),
    Chip("SM8845", 97, 81),
    Chip("SM8850", 87, 81),
)}


def of(names: str | collections.abc.Iterable[str] | None) -> list[Chip]:
    """Finds chips by their names.

    Args:
        names: A name, or several; `None` for all that are known.

    Returns:
        `Chip` of each name, once.

    Raises:
        ValueError: a chip is not known, or none is named.

    >>> of("SM8750")[0].architecture
    79
    >>> len(of(None)) == len(CHIPS)
    True
    """
    given = list(CHIPS) if names is None else [names] if isinstance(names, str) else list(names)
    unknown = [name for name in given if name not in CHIPS]
    if unknown or not given:
        raise ValueError(explain("`chips` must be chips that the compiler knows",
                                 chips=unknown or given, fix=nearest((unknown or [""])[0], CHIPS)))
    return [CHIPS[name] for name in dict.fromkeys(given)]


def parse(text: str) -> list[Chip]:
    """Reads what the command line says of chips.

    Args:
        text: The maker, a colon and names with commas between them.

    Raises:
        ValueError: the maker or a chip is not known.

    >>> [chip.name for chip in parse("qualcomm:SM8750,SM8650")]
    ['SM8750', 'SM8650']
    """
    maker, colon, names = text.partition(":")
    if maker != MAKER or not colon:
        raise ValueError(explain(
            "chips must be named as MAKER:CHIP[,CHIP…]", npu=text,
            fix=f"pass {MAKER}:SM8750; of other makers' compilers no package is public"))
    return of(names.split(","))
