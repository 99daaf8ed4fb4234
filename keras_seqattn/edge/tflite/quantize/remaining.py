"""What a quantised `.tflite` file still holds in float."""

import os

from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.quantize.plan import node

SHARE, LEAST = 0.01, 1024   # of the weights' bytes, and bytes, that are worth a word
SHOWN = 5


def notes(file: os.PathLike | str, precision: str) -> list[str]:
    """Names the matrices that stayed in float32, with their bytes.

    Args:
        file: Path of the file.
        precision: A key of `ALL_PRECISIONS`.

    Returns:
        A sentence, or none if all of them are quantised.
    """
    if ALL_PRECISIONS[precision].weights is None:
        return []
    made = reader.read(file)
    if not any(tensor.scales or tensor.dtype in ("int4", "float16") for tensor in made.tensors):
        return [f"nothing in this file is quantised: it has no weights that {precision} changes"]
    least = max(LEAST, SHARE * made.weight_bytes)
    sizes: dict = {}
    for op in made.ops:
        if op.name == "WHILE":      # constants that a loop begins with
            continue
        for tensor in op.given:
            if (tensor.dtype == "float32" and tensor.buffer.size >= least
                    and sum(size > 1 for size in tensor.shape) > 1):
                sizes.setdefault(tensor.buffer, (f"{node(op)} ({op.name})", tensor.buffer.size))
    if not sizes:
        return []
    listed = sorted(sizes.values(), key=lambda each: -each[1])
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ["these stay in float32: " + "; ".join(
        f"{name} {size:,} bytes" for name, size in listed[:SHOWN]) + more]
