"""The head of a `.tflite` file: its outermost tables, written anew before the old file's bytes.

A flatbuffer's references are distances forward. So new tables in front may refer to all that the
file has, and no tensor is unpacked, moved apart or held in memory, whatever the file's size.
"""

import shutil
import struct

import flatbuffers

from keras_seqattn.edge.tflite.op_versions import opened, versions

ALIGNMENT = 16
# Slots of the tables in LiteRT's `tflite/converter/schema/schema.fbs`.
MODEL_SLOTS, OPERATOR_CODES, BUFFERS, METADATA = 10, 1, 4, 6
UNCHANGED = (2, 3, 5, 7, 8, 9)


def write(source, out, entries):
    """Writes a `.tflite` file with other metadata, and ops of the versions that they need.

    Args:
        source: Path of the file.
        out: Path of the file to write.
        entries: Name of each metadata entry to its bytes, in place of those of the same name.
    """
    with opened(source) as model, open(out, "wb") as stream:
        head = _head(model, entries)
        stream.write(head)
        with open(source, "rb") as body:
            shutil.copyfileobj(body, stream, 1 << 20)
        for position, offset in _absolute(model):
            stream.seek(len(head) + position)
            stream.write(struct.pack("<Q", offset + len(head)))


def metadata(model):
    """Returns the names of a file's metadata entries and the places of their buffers."""
    entries = map(model.Metadata, range(model.MetadataLength()))
    return {entry.Name().decode(): entry.Buffer() for entry in entries}


def _head(model, entries):
    """The new tables; what the old file holds at `position` is at `-position` for the builder."""
    builder = flatbuffers.Builder(1 << 16)
    kept = {name: place for name, place in metadata(model).items() if name not in entries}
    buffers = [-_position(model.Buffers(i)) for i in range(model.BuffersLength())]
    places = {**kept}
    for name, content in entries.items():
        places[name] = len(buffers)
        buffers.append(table(builder, {0: _bytes(builder, content)}))
    described = [table(builder, {0: builder.CreateString(name)}, {1: ("Uint32", place)})
                 for name, place in places.items()]
    codes = [_operator_code(builder, model.OperatorCodes(i), version)
             for i, (_, version) in enumerate(versions(model))]
    references = {OPERATOR_CODES: vector(builder, codes), BUFFERS: vector(builder, buffers),
                  METADATA: vector(builder, described)}
    for slot in UNCHANGED:
        if field := _field(model, slot):
            references[slot] = -model._tab.Indirect(model._tab.Pos + field)
    builder.Finish(table(builder, references, {0: ("Uint32", model.Version())}), b"TFL3")
    return bytes(builder.Output())


def table(builder, references=(), scalars=()):
    """Writes a table.

    Args:
        builder: `flatbuffers.Builder`.
        references: Slot to what has been written before.
        scalars: Slot to `(type, value)`, with types as the builder names them.

    Returns:
        Its place for the builder.
    """
    references, scalars = dict(references), dict(scalars)
    builder.StartObject(max([*references, *scalars], default=-1) + 1)
    for slot, place in references.items():
        builder.PrependUOffsetTRelativeSlot(slot, place, 0)
    for slot, (kind, value) in scalars.items():
        getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
    return builder.EndObject()


def vector(builder, places):
    """Writes a vector of references to what has been written before."""
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()


def _bytes(builder, content):
    builder.StartVector(1, len(content), ALIGNMENT)
    for byte in reversed(content):
        builder.PrependByte(byte)
    return builder.EndVector()


def _operator_code(builder, code, version):
    custom = code.CustomCode()
    return table(builder, {} if custom is None else {1: builder.CreateString(custom)}, {
        0: ("Int8", code.DeprecatedBuiltinCode()),
        2: ("Int32", code.Version() if version is None else version),
        3: ("Int32", code.BuiltinCode())})


def _absolute(model):
    """Yields position and value of each offset from the file's start, to a large buffer's bytes."""
    for buffer in map(model.Buffers, range(model.BuffersLength())):
        if buffer.Offset() > 1:
            yield _position(buffer) + _field(buffer, 1), buffer.Offset()


def _position(each):
    return each._tab.Pos


def _field(each, slot):
    return each._tab.Offset(4 + 2 * slot)
