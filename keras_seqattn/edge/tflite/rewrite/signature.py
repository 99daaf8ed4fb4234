"""One signature of a `.tflite` file as a file of its own.

LiteRT compiles all signatures of a file, and tells of all at once whether an accelerator took them.
"""

import os
import typing

from keras_seqattn.edge.tflite import reader, schema


def alone(path: str | os.PathLike, name: str, out: str | os.PathLike) -> None:
    """Writes a copy of a file that has one of its signatures, and what that needs.

    Args:
        path: Path of a `.tflite` file.
        name: Name of the signature. Its graph has no loops, whose bodies are other graphs.
        out: Path of the copy, which has no contract.
    """
    file = reader.read(path)
    place = next(place for place, graph in enumerate(file.graphs) if any(
        each.graph is graph and each.name == name for each in file.signatures))
    model = schema.unpacked(file.content.tobytes())
    model.subgraphs = [model.subgraphs[place]]
    model.signatureDefs = [each for each in model.signatureDefs if _text(each.signatureKey) == name]
    for each in model.signatureDefs:
        each.subgraphIndex = 0
    model.metadata = model.metadataBuffer = None
    used = {tensor.buffer for tensor in model.subgraphs[0].tensors}
    for number, (buffer, read) in enumerate(zip(model.buffers, file.buffers, strict=True)):
        buffer.data = file.data(read) if number in used and read.size else None
        buffer.offset = buffer.size = 0
    schema.save(model, out)


def _text(key: typing.Any) -> str:
    return key.decode() if isinstance(key, bytes) else key
