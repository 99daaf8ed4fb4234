"""The outermost tables of a `.tflite` file, written anew before the old file's bytes.

A flatbuffer's references are distances forward. So new tables in front may refer to all that the
file has. No tensor is unpacked or held in memory, whatever the file's size.
"""

import os
import struct
import typing

import flatbuffers

from keras_seqattn.edge.tflite import runtimes, schema
from keras_seqattn.edge.tflite.builder import data, table, vector
from keras_seqattn.edge.tflite.file import Code, File

# Slots of the outermost table in LiteRT's `tflite/converter/schema/schema.fbs`.
OPERATOR_CODES, BUFFERS, METADATA = 1, 4, 6
UNCHANGED = (2, 3, 5, 7, 8, 9)


def write(file: File, out: str | os.PathLike, entries: typing.Mapping[str, bytes]) -> None:
    """Writes a file with other metadata, and ops of the versions that they need.

    Args:
        file: What `reader.read` gives.
        out: Path of the file to write.
        entries: Name of each metadata entry to its bytes, in place of those of the same name.
    """
    head = _head(file, entries)
    with open(out, "wb") as stream:
        stream.write(head)
        stream.write(file.content.data)
        for buffer in file.buffers:
            if buffer.note is not None:
                stream.seek(len(head) + buffer.note)
                stream.write(struct.pack("<Q", buffer.start + len(head)))


def _head(file: File, entries: typing.Mapping[str, bytes]) -> bytes:
    """The new tables; what the old file holds at `place` is at `-place` for the builder."""
    builder = flatbuffers.Builder(1 << 16)
    places = {name: file.buffers.index(buffer) for name, buffer in file.metadata.items()
              if name not in entries}
    buffers = [-buffer.place for buffer in file.buffers]
    for name, content in entries.items():
        places[name] = len(buffers)
        buffers.append(table(builder, {0: data(builder, content)}))
    described = [table(builder, {0: builder.CreateString(name)}, {1: ("Uint32", place)})
                 for name, place in places.items()]
    codes = [_code(builder, code, version) for code, version in runtimes.needed(file).items()]
    references = {OPERATOR_CODES: vector(builder, codes),
                  BUFFERS: vector(builder, buffers),
                  METADATA: vector(builder, described)}
    references |= {slot: -file.references[slot] for slot in UNCHANGED if slot in file.references}
    builder.Finish(table(builder, references, {0: ("Uint32", file.version)}), schema.IDENTIFIER)
    return bytes(builder.Output())


def _code(builder: flatbuffers.Builder, code: Code, version: int | None) -> int:
    return table(builder, {1: builder.CreateString(code.name)} if code.custom else {}, {
        0: ("Int8", code.deprecated), 2: ("Int32", code.version if version is None else version),
        3: ("Int32", code.builtin)})
