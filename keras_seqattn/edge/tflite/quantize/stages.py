"""From a float `.tflite` file to a quantised one: the stages in their order.

Weights are moved onto integer grids and biases corrected in the float file. Ranges of activations
are searched on calibration examples. AI Edge Quantizer then finds these grids and ranges again and
writes the file.
"""

import os
import shutil
import typing

import numpy as np

from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.quantize import plan, requantise, rounding
from keras_seqattn.edge.tflite.quantize.ranges import observe


def quantize(source: str | os.PathLike, out: str | os.PathLike, precision: str,
             examples: typing.Mapping[str, np.ndarray] | None = None) -> None:
    """Writes a quantised copy of a float32 `.tflite` file.

    Args:
        source: Path of the float file; its weights change in place.
        out: Path of the quantised file.
        precision: A key of `ALL_PRECISIONS`.
        examples: `{input: array (n, …)}` to calibrate on. Static precisions need them. The other
            precisions round their weights better with them.
    """
    row = ALL_PRECISIONS[precision]
    if row.weights is None:
        shutil.copyfile(source, out)
        return
    made = plan.make(reader.read(source, write=True), row)
    ranges = None
    if examples is not None and row.weights != "float16":
        dense = {op.given[0].name for op in made.main.ops
                 if op.name == plan.DENSE and plan.is_weighted(op)}
        ranges, moments = observe(source, examples, made.ranged, dense, squares=row.weights == 4)
        rounding.round_file(made, moments)
    elif row.weights == 4:
        rounding.round_file(made)
    requantise.write(made, ranges, source, out)
