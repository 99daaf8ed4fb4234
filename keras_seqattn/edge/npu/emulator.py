"""The NPU's programs inside a compiled file, run by Qualcomm's emulator on this machine.

A compiled file holds a `DISPATCH_OP` for each program. Its options, a flexbuffer, tell where in the
file the program lies. ONNX Runtime's QNN provider takes such a program as a node `EPContext`, and
computes it with the NPU's arithmetic: the very bytes that a phone would run. It does so in a
process of its own, as `python -m keras_seqattn.edge.npu.emulator`.
"""

import os
import pathlib
import sys
import tempfile
import typing

import numpy as np

from keras_seqattn.edge.npu import chips, libraries
from keras_seqattn.edge.tflite import contract_in_file, reader, schema
from keras_seqattn.edge.tflite.converter import process
from keras_seqattn.edge.tflite.file import Tensor
from keras_seqattn.edge.tflite.session import DISPATCH, check_file
from keras_seqattn.errors import ExportError, explain

PROVIDER, DOMAIN = "QNN", "com.microsoft"
OPSET, IR_VERSION = 17, 9   # ONNX's, of a model of one node
GIVEN, MADE = "given.npz", "made.npz"


class Program(typing.NamedTuple):
    """A signature that is one program of an NPU.

    Attributes:
        code: The program's bytes.
        name: Its name inside of them.
        inputs: Name of each input of the signature to the `Tensor` that the program takes.
        outputs: The same of its outputs.
    """

    code: bytes
    name: str
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


def program(file: os.PathLike | str, signature: str | None = None) -> Program:
    """Finds the program of a signature of a compiled file.

    Args:
        file: Path of the compiled file.
        signature: Name of the signature; the first by default.

    Returns:
        `Program`.

    Raises:
        ValueError: the file is not compiled, or has no such signature. It is not one program: it
            has ops on the CPU, or several programs, which the emulator's provider does not open.
    """
    check_file(file)
    if DISPATCH not in reader.custom_ops(file):
        raise ValueError(explain("the file must be compiled for an NPU", file=str(file),
                                 fix="compile it: seqattn npu FILE --write"))
    content = reader.read(file)
    known = {each.name: each for each in content.signatures}
    name = next(iter(known)) if signature is None else signature
    if name not in known:
        raise ValueError(explain("the file must have the signature", signature=name,
                                 known=list(known), fix="name one of these"))
    held = known[name]
    ops = [op.name for op in content.ops]
    if ops != [DISPATCH]:
        raise ValueError(explain(
            "the emulator runs files that are one program of the NPU", file=str(file),
            signature=name, programs=ops.count(DISPATCH), other_ops=len(ops) - ops.count(DISPATCH),
            fix="see `seqattn npu` for what stays on the CPU"))
    options = _options(file, content.graphs.index(held.graph))
    start = options["bytecode_offset"]
    code = content.content[start:start + options["bytecode_size"]].tobytes()
    return Program(code, options["name"], held.inputs, held.outputs)


def _options(file, graph):
    """What the only op of a graph says of its program."""
    from flatbuffers import flexbuffers

    table = schema.root(pathlib.Path(file).read_bytes()).Subgraphs(graph).Operators(0)
    return flexbuffers.GetRoot(bytearray(table.CustomOptionsAsNumpy().tobytes())).Value


def run(file: os.PathLike | str, arrays: typing.Mapping[str, np.ndarray],
        signature: str | None = None) -> dict[str, np.ndarray]:
    """Runs a signature of a compiled file on examples, one after the other.

    Args:
        file: Path of the compiled file.
        arrays: Array `(n, …)` by input name.
        signature: As for `program`.

    Returns:
        Array `(n, …)` by output name.

    Raises:
        ValueError: as of `program`. The file was compiled with other libraries.
        ExportError: the emulator fails, or this machine has none.

    Cost: seconds to begin with, then 0.1 to 0.5 s an example of a small ViT.
    """
    libraries.find()
    found = program(file, signature)
    if set(arrays) != set(found.inputs):
        raise ValueError(explain("the examples must be those of the signature's inputs",
                                 given=sorted(arrays), inputs=list(found.inputs),
                                 fix="pass an array for each input"))
    _check_libraries(file)
    with tempfile.TemporaryDirectory() as folder:
        given, made = (pathlib.Path(folder) / name for name in (GIVEN, MADE))
        np.savez(given, allow_pickle=False, **arrays)
        result = process.run(__name__, os.path.abspath(file), given, made, signature or "")
        if result.returncode or not made.exists():
            lines = [line for line in result.stderr.splitlines()
                     if line.strip() and "runpy" not in line]
            raise ExportError(explain(
                "the emulator must be able to run the program", file=str(file),
                exit_code=result.returncode, said=" ".join(lines[-1:])[:300],
                fix="compile the file anew, or for another chip"))
        with np.load(made) as arrays:
            return dict(arrays)


def chip(file: os.PathLike | str) -> chips.Chip:
    """Returns the chip that a file was compiled for, as its contract tells it."""
    said = contract_in_file.read(file).get("npu")
    if said is None:
        raise ValueError(explain("the contract must tell the chip", file=str(file),
                                 fix="compile the file by edge.compile_for_npu"))
    return chips.CHIPS[said["chip"]]


def _check_libraries(file):
    """Refuses a program of other libraries than those that would run it."""
    said = contract_in_file.read(file).get("npu", {}).get("libraries", libraries.VERSIONS)
    if said != libraries.VERSIONS:
        raise ValueError(explain(
            "a program runs by the libraries that compiled it", file=str(file), compiled_by=said,
            installed=libraries.VERSIONS, fix="compile the portable file anew"))


def _session(found, path, place):
    """ONNX Runtime's session of one program."""
    import onnx
    import onnxruntime
    import onnxruntime_qnn
    from onnx import helper

    def values(tensors):
        names = [tensor.name.replace(":", "_").replace(";", "_") for tensor in tensors.values()]
        types = [helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
                 for tensor in tensors.values()]
        return names, [helper.make_tensor_value_info(name, kind, tensor.shape)
                       for name, kind, tensor in zip(names, types, tensors.values(), strict=True)]

    (taken, inputs), (given, outputs) = values(found.inputs), values(found.outputs)
    node = helper.make_node(
        "EPContext", taken, given, name=found.name, domain=DOMAIN, main_context=1, embed_mode=1,
        ep_cache_context=found.code, source=PROVIDER, partition_name=found.name)
    onnx.save(helper.make_model(
        helper.make_graph([node], "npu", inputs, outputs), ir_version=IR_VERSION, opset_imports=[
            helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]), path)
    onnxruntime.set_default_logger_severity(3)
    onnxruntime.register_execution_provider_library(PROVIDER, onnxruntime_qnn.get_library_path())
    settings = onnxruntime.SessionOptions()
    settings.add_provider_for_devices(
        [each for each in onnxruntime.get_ep_devices() if each.ep_name == PROVIDER],
        {"backend_type": "htp", "soc_model": str(place.number),
         "htp_arch": str(place.architecture)})
    return onnxruntime.InferenceSession(str(path), settings), taken, given


def main(file: str, given: str, made: str, signature: str) -> None:
    """Runs a signature; what `run` starts."""
    found = program(file, signature or None)
    with tempfile.TemporaryDirectory() as folder, np.load(given) as arrays:
        session, taken, outputs = _session(found, pathlib.Path(folder) / "npu.onnx", chip(file))
        read = {key: arrays[name] for key, name in zip(taken, found.inputs, strict=True)}
        sizes = [tensor.shape for tensor in found.inputs.values()]
        count = len(next(iter(read.values())))
        rows = [session.run(outputs, {
            key: np.ascontiguousarray(array[i:i + 1]).reshape(size)
            for (key, array), size in zip(read.items(), sizes, strict=True)})
            for i in range(count)]
        np.savez(made, allow_pickle=False, **{
            name: np.stack([row[place].reshape(tensor.shape[1:]) if tensor.shape[:1] == (1,)
                            else row[place] for row in rows])
            for place, (name, tensor) in enumerate(found.outputs.items())})


if __name__ == "__main__":
    main(*sys.argv[1:])
