"""What an `.onnx` file says of itself, and what it is made of."""

import collections
import json
import os
import typing

import numpy as np

from keras_seqattn.edge import releases
from keras_seqattn.edge.contract.facts import Facts

PRECISIONS = ("float32", "dynamic_wi8_afp32")
OPSET = 17
RUNTIME = "1.12"  # ONNX Runtime's first release with that opset
LARGEST = 2**31 - 1  # bytes of a protocol buffer
CONTRACT = "contract"


def write(path: os.PathLike | str, contract: dict) -> None:
    """Writes a contract into an `.onnx` file, in place of any that is there.

    Args:
        path: The file.
        contract: Dictionary for JSON, as `contract.describe` gives it.
    """
    import onnx

    model = onnx.load(path)
    entries = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**entries, CONTRACT: json.dumps(contract, indent=1)})
    onnx.save(model, path)


def minimum(path: os.PathLike | str) -> str:
    """First release of ONNX Runtime that runs the files written here."""
    return RUNTIME


def lacking(path: os.PathLike | str, runtime: str | None) -> list[str]:
    """Tells why a release of ONNX Runtime does not compute a file; `None` is any release."""
    if runtime is None or releases.has(runtime, minimum(path)):
        return []
    return [f"runtime {runtime} lacks opset {OPSET}, which came with {minimum(path)}"]


def facts(runner: typing.Any, *_examples: dict) -> Facts:
    """Counts what an `.onnx` file is made of.

    ONNX Runtime takes each file whole, so it is one partition. Rules of GPU delegates do not apply.

    Args:
        runner: `Runner` of the file.
        *_examples: Not looked at: no tensor inside the file is kept.

    Returns:
        `Facts`. An op that is not ONNX's own has its domain before its name.
    """
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load(runner.file))
    graph = model.graph
    ops = collections.Counter(
        f"{node.domain}.{node.op_type}" if node.domain else node.op_type for node in graph.node)
    shapes = [value.type.tensor_type.shape.dim
              for value in (*graph.input, *graph.output, *graph.value_info)]
    shapes += [tensor.dims for tensor in graph.initializer]
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    copies = [f"{node.output[0]} ({held[node.input[1]].nbytes:,} bytes)" for node in graph.node
              if node.op_type == "Conv" and _picks(held.get(node.input[1]))]
    return Facts(
        warnings=[f"a convolution only copies numbers: {each}; patches that touch need none, "
                  "they are reshapes" for each in copies],
        ops=dict(sorted(ops.items())), custom_ops=[], signatures=[],
        max_rank=max(map(len, shapes)), partitions=1,
        weight_bytes=sum(array.nbytes for array in held.values()
                         if array.dtype not in ("int32", "int64", "bool")))


def _picks(kernel: np.ndarray | None) -> bool:
    """Whether each channel of a kernel is one of the numbers under it."""
    if kernel is None or kernel[0].size < 2:
        return False
    rows = kernel.reshape(len(kernel), -1)
    return bool(((rows != 0).sum(axis=1) == 1).all() and (rows.max(axis=1) == 1).all())
