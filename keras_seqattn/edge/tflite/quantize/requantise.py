"""The last stage: AI Edge Quantizer writes the file, by the recipe and ranges of a plan."""

import os
import pathlib
import re
import typing

import numpy as np

from keras_seqattn.edge.tflite import schema
from keras_seqattn.edge.tflite.file import Op
from keras_seqattn.edge.tflite.quantize import plan as plans
from keras_seqattn.edge.tflite.quantize.plan import Plan
from keras_seqattn.edge.tflite.quantize.ranges import Ranges


def write(plan: Plan, ranges: Ranges | None, source: str | os.PathLike,
          out: str | os.PathLike) -> None:
    """Writes the quantised file of a plan.

    Args:
        plan: What becomes an integer.
        ranges: Histograms of the activations of fixed ranges; `None` where there are none.
        source: Path of the float file, whose weights lie on their grids.
        out: Path of the file to write.
    """
    from ai_edge_quantizer import quantizer

    quantize = quantizer.Quantizer(str(source))
    algorithm = ("float_casting" if plan.precision.weights == "float16"
                 else "min_max_uniform_quantize")
    for op in plan.file.ops:
        config = _config(plan, op)
        if config is not None and schema.has_kernel(op.name, config, algorithm):
            names = ";".join(re.escape(tensor.name) for tensor in op.outputs)
            quantize.update_quantization_recipe(f"^{names};?$", op.name, config, algorithm)
    calibration = None
    if quantize.need_calibration and ranges is not None:
        calibration = _calibration(plan, ranges)
    pathlib.Path(out).unlink(missing_ok=True)
    quantize.quantize(calibration, str(out), enable_progress_bar=False,
                      enable_progress_report=False)


def _config(plan: Plan, op: Op) -> typing.Any:
    """AI Edge Quantizer's settings for one op, or `None` to leave it in float."""
    types = schema.quantizer_settings()
    static, weighted = op in plan.static, plans.is_weighted(op)
    if not static and not weighted:
        return None
    bits, block = plan.grid(op) if weighted else (8, None)
    stored = None
    if plan.precision.weights == "float16":
        stored = types.TensorQuantizationConfig(16, dtype=types.TensorDataType.FLOAT)
    elif op in plan.stored and bits == 8:
        stored = types.TensorQuantizationConfig(
            8, symmetric=True, granularity=types.QuantGranularity.CHANNELWISE)
    if stored is not None:
        return types.OpQuantizationConfig(
            weight_tensor_config=stored, compute_precision=types.ComputePrecision.FLOAT,
            explicit_dequantize=True)
    granularity = types.QuantGranularity[f"BLOCKWISE_{block}" if block else "CHANNELWISE"]
    activation = None
    if static:
        activation = types.TensorQuantizationConfig(
            plan.precision.activations, symmetric=plan.precision.activations == 16)
    return types.OpQuantizationConfig(
        activation,
        types.TensorQuantizationConfig(bits, symmetric=True, granularity=granularity),
        types.ComputePrecision.INTEGER)


def _calibration(plan: Plan, ranges: Ranges) -> dict[str, dict[str, np.ndarray]]:
    """Ranges of all tensors that the recipe's ops touch, in AI Edge Quantizer's form."""
    bits, symmetric = plan.precision.activations or 8, _symmetric(plan)
    found = {name: ranges.search(name, bits, symmetric=name in symmetric) for name in plan.ranged}
    for op in plan.main.ops:
        if op.name in plans.LAYOUT:
            entering, leaving = op.given[0].name, op.outputs[0].name
            if leaving in found and entering in found:
                found[leaving] = found[entering]
    levels = 2 ** (bits - 1)
    for name in symmetric & set(found):
        low, high = found[name]
        found[name] = (low * levels / (levels - 1), high)  # the offset comes out as 0
    return {name: {"min": np.array([low], "float32"), "max": np.array([high], "float32")}
            for name, (low, high) in found.items()}


def _symmetric(plan: Plan) -> set[str]:
    """XNNPACK multiplies integers if those on the right have no offset; these are their names."""
    if not plan.precision.products:
        return set()
    return {tensor.name for op in plan.main.ops if op.name == plans.PRODUCT
            for tensor in plans.rearranged(plan.main, op.given[1])}
