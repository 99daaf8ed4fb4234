"""The rewrites of a converter's file, in order; a file is opened once for all of them."""

import os
import pathlib
import typing

from keras_seqattn.edge.tflite import reader, schema
from keras_seqattn.edge.tflite.rewrite import embedding, outputs


class Pass(typing.NamedTuple):
    """One rewrite of a file.

    Attributes:
        op: Name of the op that a file must have for it; `None` for the rewrite of files with an
            output that is an input or another output too.
        rewrite: Function that changes an unpacked model and tells whether it did.
    """

    op: str | None
    rewrite: typing.Callable[[typing.Any], bool]


PASSES = (Pass("GATHER", embedding.rewrite), Pass(None, outputs.separate))


def apply(path: str | os.PathLike) -> None:
    """Mends what the converter leaves.

    Args:
        path: Path of a float `.tflite` file; only a file that needs it is unpacked and written.
    """
    file = reader.read(path)
    ops = {op.name for op in file.ops} | {
        None for signature in file.signatures if signature.shared}
    chosen = [each for each in PASSES if each.op in ops]
    if chosen:
        model = schema.unpacked(pathlib.Path(path).read_bytes())
        changed = [each.rewrite(model) for each in chosen]
        if any(changed):
            pathlib.Path(path).write_bytes(schema.packed(model))
