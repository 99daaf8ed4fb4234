"""The last stage of precisions with fixed ranges, which AI Edge Quantizer writes into the file."""

import contextlib
import dataclasses
import io
import os
import pathlib
import re
import typing
import warnings

import numpy as np

from keras_seqattn.edge.precisions import Precision
from keras_seqattn.edge.tflite import schema
from keras_seqattn.edge.tflite.quantize import plan as plans
from keras_seqattn.edge.tflite.quantize.plan import Plan
from keras_seqattn.edge.tflite.quantize.ranges import Ranges
from keras_seqattn.edge.tflite.rewrite import outputs
from keras_seqattn.errors import ExportError, explain

ALGORITHM = "min_max_uniform_quantize"
FLAT = {"GELU": -3.0, "RELU": 0.0, "RELU6": 0.0}    # GELU makes -0.004 and less of what is below


def feasible(plan: Plan) -> Plan:
    """Returns a plan whose ops of fixed ranges are those that AI Edge Quantizer knows."""
    setting = _setting(plan.precision)
    return dataclasses.replace(plan, static=tuple(
        op for op in plan.static if schema.has_kernel(op.name, setting, ALGORITHM)))


def write(plan: Plan, ranges: Ranges, source: str | os.PathLike, out: str | os.PathLike) -> None:
    """Gives the ops of a plan that are to have them fixed ranges, in a file of floats and integers.

    Args:
        plan: What becomes an integer.
        ranges: Histograms of the activations of fixed ranges.
        source: Path of what `integers.write` made of the plan.
        out: Path of the file to write.

    Raises:
        ExportError: AI Edge Quantizer refuses the file.
    """
    from ai_edge_quantizer import quantizer

    pathlib.Path(out).unlink(missing_ok=True)
    _keep_outputs(plan, source)
    # Warnings are of integers in the file; a progress bar of its own heeds no setting.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore", UserWarning)
        try:
            quantize = quantizer.Quantizer(str(source))
            for op in plan.static:
                names = ";".join(re.escape(tensor.name) for tensor in op.outputs)
                quantize.update_quantization_recipe(
                    f"^{names};?$", op.name, _setting(plan.precision), ALGORITHM)
            quantize.quantize(_calibration(plan, ranges), str(out), enable_progress_bar=False,
                              enable_progress_report=False)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            raise ExportError(explain(
                "AI Edge Quantizer must give the activations fixed ranges",
                error=" ".join(str(error).split()),
                fix="use dynamic_wi8_afp32, which needs no fixed ranges")) from error


def _keep_outputs(plan, path):
    """Copies the outputs that ops read: AI Edge Quantizer gives a signature their integers.

    The name of the output is lost there, and LiteRT gives nothing for it.
    """
    if any(plan.main.users(tensor) for tensor in plan.main.outputs):
        model = schema.unpacked(pathlib.Path(path).read_bytes())
        outputs.separate(model, read_on=True)
        pathlib.Path(path).write_bytes(schema.packed(model))


def _setting(precision: Precision) -> typing.Any:
    """AI Edge Quantizer's settings for an op of fixed ranges."""
    types = schema.quantizer_settings()
    return types.OpQuantizationConfig(
        types.TensorQuantizationConfig(
            precision.activations, symmetric=precision.activations == 16),
        types.TensorQuantizationConfig(
            8, symmetric=True, granularity=types.QuantGranularity.CHANNELWISE),
        types.ComputePrecision.INTEGER)


def _calibration(plan: Plan, ranges: Ranges) -> dict[str, dict[str, np.ndarray]]:
    """Ranges of all tensors that the recipe's ops touch, in AI Edge Quantizer's form."""
    bits, symmetric = plan.precision.activations or 8, _symmetric(plan)
    flat = _flat(plan)
    found = {name: ranges.search(name, bits, name in symmetric, flat.get(name, -np.inf))
             for name in plan.ranged}
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


def _flat(plan: Plan) -> dict[str, float]:
    """Names of what activations alone read, with the number below which these are flat."""
    makers = {tensor: plan.main.users(tensor) for op in plan.static for tensor in op.outputs}
    return {tensor.name: min(FLAT[op.name] for op in users) for tensor, users in makers.items()
            if users and all(op.name in FLAT for op in users)}


def _symmetric(plan: Plan) -> set[str]:
    """XNNPACK multiplies integers if those on the right have no offset; these are their names."""
    if not plan.precision.products:
        return set()
    return {tensor.name for op in plan.main.ops if op.name == plans.PRODUCT
            for tensor in plans.rearranged(plan.main, op.given[1])}
