"""The rewrites of a converter's file, in order; a file is opened once for all of them."""

import os
import pathlib
import typing

from keras_seqattn.edge.tflite import reader, schema
from keras_seqattn.edge.tflite.rewrite import embedding, lstm, unread


class Pass(typing.NamedTuple):
    """One rewrite of a file.

    Attributes:
        op: Name of the op that a file must have for it.
        rewrite: Function that changes an unpacked model and tells whether it did.
        integers: Whether only files whose weights become integers need it.
    """

    op: str
    rewrite: typing.Callable[[typing.Any], bool]
    integers: bool = False


PASSES = (
    Pass("GATHER", embedding.rewrite),
    Pass(lstm.OP, lstm.unclip),
    Pass(lstm.OP, lstm.quantise, integers=True),
    Pass("WHILE", unread.remove),
)


def apply(path: str | os.PathLike, integers: bool) -> None:
    """Mends what the converter leaves.

    Args:
        path: Path of a float `.tflite` file; only a file that needs it is unpacked and written.
        integers: Whether the weights become integers afterwards.
    """
    ops = {op.name for op in reader.read(path).ops}
    chosen = [each for each in PASSES if each.op in ops and (integers or not each.integers)]
    if chosen:
        model = schema.unpacked(pathlib.Path(path).read_bytes())
        changed = [each.rewrite(model) for each in chosen]
        if any(changed):
            pathlib.Path(path).write_bytes(schema.packed(model))
