"""An `.onnx` file under ONNX Runtime, one example at a time."""

import json
import os
import typing

import numpy as np

from keras_seqattn.edge.onnx.file import CONTRACT
from keras_seqattn.errors import explain


class Session:
    """An `.onnx` file as a function of named arrays.

    ONNX Runtime keeps the tensors of each run apart. So threads run side by side.

    Args:
        file: Path of the file.
        threads: CPU threads to run on.

    Attributes:
        inputs: Name of each input to its `{"shape", "dtype"}`; an unknown size is -1.
        outputs: The same of the outputs.
        contract: What the file says of itself; empty if it is another program's.

    Raises:
        ValueError: the file is missing, damaged or no `.onnx` file.
    """

    def __init__(self, file: os.PathLike | str, threads: int = 2):
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"])
            entries = self._session.get_modelmeta().custom_metadata_map
            self.contract: dict[str, typing.Any] = json.loads(entries.get(CONTRACT, "{}"))
        except (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf,
                state.NoSuchFile, state.NotImplemented, state.RuntimeException,
                ValueError) as error:
            raise ValueError(explain(
                "`file` must be an .onnx file that ONNX Runtime can run", file=str(file),
                error=" ".join(str(error).split()), fix="export it again")) from error
        self.inputs = _describe(self._session.get_inputs())
        self.outputs = _describe(self._session.get_outputs())

    def run(self, /, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the file once: arrays by input name to arrays by output name."""
        return dict(zip(self.outputs, self._session.run(list(self.outputs), arrays), strict=True))


def _describe(values):
    named = {"float": "float32", "double": "float64"}
    kinds = {value.name: value.type.removeprefix("tensor(").removesuffix(")") for value in values}
    return {value.name: {
        "shape": tuple(size if isinstance(size, int) else -1 for size in value.shape),
        "dtype": np.dtype(named.get(kinds[value.name], kinds[value.name]))} for value in values}
