"""The oldest runtime that computes a `.tflite` file rightly, from its ops and their tensors' types.

TensorFlow's converter sets the versions of ops by the types of the tensors. AI Edge Quantizer
leaves them as they were in float. A runtime before 2.17 would then take a file whose weights have a
scale per channel, and read the first scale alone without a word. Here the versions follow from the
types again.
"""

import os

from keras_seqattn.edge import releases
from keras_seqattn.edge.tflite import op_table, reader
from keras_seqattn.edge.tflite.file import Code, File, Graph, Op
from keras_seqattn.edge.tflite.op_versions import dtypes, release, version


def needed(file: File) -> dict[Code, int | None]:
    """Finds the version that each kind of op of a file needs.

    Args:
        file: What `reader.read` gives.

    Returns:
        Each of the file's `Code` to its version, at least what the file declares. The version is
        `None` where none is known for the types.
    """
    found: dict[Code, int | None] = {code: code.version for code in file.codes}
    for op in file.ops:
        before = found[op.code]
        own = None if op.code.custom else version(op.name, op.inputs, op.outputs, **op.options)
        found[op.code] = None if before is None or own is None else max(before, own)
    return found


def minimum(path: str | os.PathLike) -> str | None:
    """Finds the first release of TensorFlow Lite that computes a file rightly.

    Args:
        path: Path of a `.tflite` file.

    Returns:
        Its number, such as `"2.17.0"`; `None` if it is unknown for one of the file's ops.
    """
    firsts = set(_demands(reader.read(path)).values())
    known = [first for first in firsts if first is not None]
    return None if len(known) < len(firsts) else max(known, key=releases.numbers, default=None)


def lacking(path: str | os.PathLike, runtime: str | None) -> list[str]:
    """Tells why a release of TensorFlow Lite does not compute a file.

    Args:
        path: Path of a `.tflite` file.
        runtime: The release, such as `"2.16"`; `None` for any.

    Returns:
        Such as `["runtime 2.16 lacks FULLY_CONNECTED version 12, which came with 2.17.0"]`. Empty
        if the file computes there.
    """
    if runtime is None:
        return []
    file = reader.read(path)
    reasons = [
        f"runtime {runtime} lacks {what}" + (f", which came with {first}" if first else "")
        for what, first in _demands(file).items() if not releases.has(runtime, first)]
    misread = misread_convolutions(file)
    if misread and releases.numbers(runtime)[:2] == releases.numbers(op_table.MISREADS):
        reasons.append(f"runtime {runtime} misreads the float32 bias of convolutions by float16 "
                       f"weights: {', '.join(misread[:3])}")
    return reasons


def misread_convolutions(file: File) -> list[str]:
    """Names the convolutions that one release of TensorFlow Lite misreads, `op_table.MISREADS`.

    Their kernel is in float16 and their bias is not.
    """
    return [op.outputs[0].name for graph in file.graphs for op in graph.ops
            if op.name in ("CONV_2D", "DEPTHWISE_CONV_2D") and _is_half(graph, op)]


def _is_half(graph: Graph, op: Op) -> bool:
    makers = map(graph.maker, op.given[1:])
    halves = [maker is not None and maker.given[0].dtype == "float16" for maker in makers]
    return halves[0] and not all(halves)


def _demands(file: File) -> dict[str, str | None]:
    """What a file needs of its runtime, with the first release that has it."""
    found = {f"custom op {code.name}" if code.custom else f"{code.name} version {number}":
             release(code.name, number) for code, number in needed(file).items()}
    for op in file.ops:
        key = (op.name, *dtypes(op.name, op.inputs))
        if key in op_table.LATER:
            found[f"{op.name} of {' and '.join(filter(None, key[1:]))}"] = op_table.LATER[key]
    if any(buffer.note is not None for buffer in file.buffers):
        found["constants behind the flatbuffer"] = op_table.BEHIND
    if len(file.signatures) > 1:
        found["several signatures"] = op_table.SIGNATURES
    return found
