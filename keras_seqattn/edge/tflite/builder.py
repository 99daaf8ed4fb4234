"""Tables and vectors of a flatbuffer, written through flatbuffers' builder."""

import collections.abc
import typing

import flatbuffers

ALIGNMENT = 16


def table(builder: flatbuffers.Builder, references: typing.Mapping[int, int] | None = None,
          scalars: typing.Mapping[int, tuple[str, int]] | None = None) -> int:
    """Writes a table.

    Args:
        builder: `flatbuffers.Builder`.
        references: Slot to what has been written before.
        scalars: Slot to `(type, value)`, with types as the builder names them.

    Returns:
        Its place for the builder.
    """
    references, scalars = references or {}, scalars or {}
    builder.StartObject(max([*references, *scalars], default=-1) + 1)
    for slot, place in references.items():
        builder.PrependUOffsetTRelativeSlot(slot, place, 0)
    for slot, (kind, value) in scalars.items():
        getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
    return builder.EndObject()


def vector(builder: flatbuffers.Builder, places: collections.abc.Sequence[int]) -> int:
    """Writes a vector of references to what has been written before; returns its place."""
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()


def data(builder: flatbuffers.Builder, content: bytes) -> int:
    """Writes the bytes of a buffer; returns their place."""
    builder.StartVector(1, len(content), ALIGNMENT)
    for byte in reversed(content):
        builder.PrependByte(byte)
    return builder.EndVector()
