"""From a float `.tflite` file to a quantised one: the stages in their order.

Weights are moved onto integer grids and biases corrected in the float file. `integers` then writes
the weights. Where activations have fixed ranges, these are searched on calibration examples, and AI
Edge Quantizer writes them into the file.
"""

import collections.abc
import os
import pathlib
import shutil
import typing

import numpy as np

from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.quantize import integers, plan, requantise, rounding
from keras_seqattn.edge.tflite.quantize.ranges import observe
from keras_seqattn.errors import explain


def unknown(graph: typing.Any) -> list[str]:
    """Returns the names of the nodes of a `Graph` that only TensorFlow's converter can write."""
    from keras_seqattn.edge.tflite.write import writer

    return writer.unknown(graph)


def write(graphs: dict[str, typing.Any], out: str | os.PathLike, precision: str,
          examples: typing.Mapping[str, np.ndarray] | None, folder: str,
          keep_float: collections.abc.Collection[str] = ()) -> int:
    """Writes graphs as a `.tflite` file in a precision.

    Args:
        graphs: `Graph` by signature.
        out: Path of the file.
        precision: A key of `ALL_PRECISIONS`.
        examples: As for `quantize`.
        folder: Folder for the float file.
        keep_float: As for `quantize`.

    Returns:
        Bytes of the weights in float32.
    """
    from keras_seqattn.edge.tflite.write import writer

    if ALL_PRECISIONS[precision].weights is None:
        return writer.write(graphs, out)
    source = pathlib.Path(folder) / "float32.tflite"
    weight_bytes = writer.write(graphs, source)
    quantize(source, out, precision, examples, keep_float)
    return weight_bytes


def quantize(source: str | os.PathLike, out: str | os.PathLike, precision: str,
             examples: typing.Mapping[str, np.ndarray] | None = None,
             keep_float: collections.abc.Collection[str] = ()) -> None:
    """Writes a quantised copy of a float32 `.tflite` file.

    Args:
        source: Path of the float file; its weights change in place.
        out: Path of the quantised file.
        precision: A key of `ALL_PRECISIONS`.
        examples: `{input: array (n, …)}` to calibrate on. Static precisions need them. The other
            precisions round their weights better with them.
        keep_float: Names of nodes, names of layers on their paths, or patterns. What they cover
            stays in float.

    Raises:
        ValueError: there are no examples where a precision needs them. A name covers nothing.
        ExportError: AI Edge Quantizer refuses the file.
    """
    row = ALL_PRECISIONS[precision]
    if row.weights is None:
        shutil.copyfile(source, out)
        return
    made = _planned(source, row, keep_float)
    _write(made, _round(made, source, examples), source, out)


class Source:
    """A float file that is quantised several times, each time with other layers kept in float.

    Weights are rounded once, and ranges searched once.

    Args:
        path: Path of the float file, which stays as it is. Files that are made on the way lie
            beside it.
        precision: A key of `ALL_PRECISIONS` other than float32.
        examples: As for `quantize`.

    Attributes:
        nodes: Names of the nodes that compute on integers, or whose weights are some.
    """

    def __init__(self, path: str | os.PathLike, precision: str,
                 examples: typing.Mapping[str, np.ndarray] | None = None) -> None:
        self._row = ALL_PRECISIONS[precision]
        self._exact = reader.read(path)
        self._rounded = pathlib.Path(path).with_suffix(".rounded")
        shutil.copyfile(path, self._rounded)
        made = _planned(self._rounded, self._row)
        self._ranges = _round(made, self._rounded, examples)
        self.nodes = made.nodes

    def write(self, out: str | os.PathLike, keep_float: collections.abc.Collection[str]) -> None:
        """Writes a quantised file with other nodes in float, their weights as they were."""
        path = self._rounded.with_suffix(".kept")
        shutil.copyfile(self._rounded, path)
        made = _planned(path, self._row, keep_float)
        for op in filter(plan.is_weighted, made.kept):
            for tensor in (plan.weights(op), plan.bias(op)):
                if tensor is not None and plan.is_float(tensor):
                    made.file.data(tensor.buffer)[...] = self._exact.data(tensor.buffer)
        _write(made, self._ranges, path, out)


def _planned(path, row, keep_float=()):
    made = plan.make(reader.read(path, write=True), row, keep_float)
    return requantise.feasible(made) if row.needs_calibration else made


def _round(made, source, examples):
    """Moves weights onto their grids, and returns the ranges of activations, if any are known."""
    if examples is None or made.precision.weights == "float16":
        if made.precision.weights == 4:
            rounding.round_file(made)
        return None
    dense = {op.given[0].name for op in made.main.ops
             if op.name == plan.DENSE and made.becomes_integers(op)}
    ranges, moments = observe(
        source, examples, made.ranged, dense, squares=made.precision.weights == 4)
    rounding.round_file(made, moments)
    return ranges


def _write(made, ranges, source, out):
    if not made.static:
        integers.write(made, out)
        return
    if ranges is None:
        raise ValueError(explain("the ranges of activations must be found on examples",
                                 examples=None, fix="pass examples"))
    halfway = pathlib.Path(source).with_suffix(".integers")
    integers.write(made, halfway)
    requantise.write(made, ranges, halfway, out)
