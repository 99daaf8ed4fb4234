"""Weights on a grid: which steps, and which way to round.

The rounding is GPTQ's (Frantar et al. 2023, algorithm 1). The step is searched over clipping ranges
as in Banner et al. 2019. Errors are weighted by the second moments of the inputs.
"""

import typing

import ml_dtypes
import numpy as np

from keras_seqattn.edge.tflite.quantize import plan as plans
from keras_seqattn.edge.tflite.quantize.plan import Plan
from keras_seqattn.edge.tflite.quantize.ranges import Moments

if typing.TYPE_CHECKING:
    import keras

LEAST_STEP = 2.0 ** -24  # float16's least number; XNNPACK refuses a block whose step is 0


def round_file(plan: Plan, moments: Moments | None = None) -> None:
    """Moves the weights of dense layers and convolutions onto their grids, biases with them.

    A bias takes up what the error of the weights makes of the mean input.

    Args:
        plan: Plan of a file that was read to be written.
        moments: Of what enters each dense layer. Without them each weight is rounded to its nearest
            neighbour, and biases stay.
    """
    graph = plan.file.graphs[0]
    for op in graph.ops:
        if op.name not in (plans.DENSE, plans.CONV) or not plans.is_weighted(op):
            continue
        tensor, bias = plans.weights(op), plans.bias(op)
        if tensor.dtype != "float32" or graph.is_shared(tensor):
            continue
        weights = plan.file.array(tensor)
        flat = weights.reshape(len(weights), -1)                              # (E, D)
        bits, block = plan.grid(op)
        known = moments if op.name == plans.DENSE else None
        added = None if bias is None or bias.dtype != "float32" else plan.file.array(bias)
        entering = op.given[0].name
        snapped = snap(
            flat, bits, block, known.hessian(entering) if known and bits == 4 else None,
            added if plan.precision.dense == "static" else None)
        if known and bias is not None and added is not None and not graph.is_shared(bias):
            added += ((flat - snapped) @ known.mean(entering)).astype(added.dtype)
        weights[...] = snapped.reshape(weights.shape)


def snap(weights: np.ndarray, bits: int, block: int | None = None,
         hessian: np.ndarray | None = None, bias: np.ndarray | None = None,
         damping: float = 0.01) -> np.ndarray:
    """Moves weights onto the grid of symmetric integers where the layer's output suffers least.

    The largest weight of each row, or of each block of a row, lies on the end of its grid. A
    quantiser that takes its step from the largest weight then finds exactly this grid again. Where
    all are zero, one weight becomes that end, of the least of all steps.

    Args:
        weights: `(E, D)`: one row per output.
        bits: Bits of an integer: `[-127, 127]` for 8, `[-7, 7]` for 4.
        block: Number of neighbouring inputs that share a step. Defaults to all `D`.
        hessian: Mean of `x·xᵀ` over the inputs, `(D, D)`. Without it each weight is rounded to
            its nearest neighbour.
        bias: `(E,)` if it becomes an integer of the row's step times the input's. Rows of zeros
            then get a step in which their bias fits into 32 bits.
        damping: Share of the mean diagonal that is added to the Hessian's.

    Returns:
        Weights of the same shape and dtype, all on their grids.
    """
    top = 2 ** (bits - 1) - 1
    rows, columns = weights.shape
    block = columns if block is None else block
    least = np.zeros(rows) if bias is None else np.abs(bias) * 2.0 ** -20
    importance = np.ones(columns) if hessian is None else np.diag(hessian) + 1e-12
    grouped = weights.astype("float64").reshape(rows, columns // block, block)
    steps = np.maximum(_steps(grouped, importance.reshape(-1, block), top), least[:, None])
    if block < columns:  # what AI Edge Quantizer stores blocks' steps in
        steps = np.maximum(steps.astype(ml_dtypes.bfloat16).astype("float64"), LEAST_STEP)
    spread = np.repeat(steps, block, axis=1)                                  # (E, D)
    ends = np.abs(grouped).argmax(axis=2) + block * np.arange(columns // block)
    if hessian is None:
        levels = np.rint(weights / spread)
    else:
        levels = _carry(weights.astype("float64"), spread, hessian, top, damping)
    levels = np.clip(levels, -top, top)
    signs = np.where(np.take_along_axis(weights, ends, 1) < 0, -1, 1)
    np.put_along_axis(levels, ends, top * signs, axis=1)
    return (levels * spread).astype(weights.dtype)


def _steps(grouped: np.ndarray, importance: np.ndarray, top: int) -> np.ndarray:
    """Step of each group, `(E, groups)`: the one of least weighted error among clipping ranges."""
    largest = np.maximum(np.abs(grouped).max(axis=2), 1e-9)
    best, least = largest / top, np.full(largest.shape, np.inf)
    for share in [1.0] if top > 7 else np.linspace(1.0, 0.5, 21):  # 8 bits lose more by clipping
        steps = share * largest / top
        levels = np.clip(np.rint(grouped / steps[..., None]), -top, top)
        error = ((levels * steps[..., None] - grouped) ** 2 * importance).sum(axis=2)
        better = error < least
        best, least = np.where(better, steps, best), np.where(better, error, least)
    return best


def _carry(weights: np.ndarray, spread: np.ndarray, hessian: np.ndarray, top: int,
           damping: float) -> np.ndarray:
    """Rounds column by column and carries each error into the columns still to come."""
    weights, columns = weights.copy(), weights.shape[1]
    damped = hessian + damping * np.mean(np.diag(hessian)) * np.eye(columns)
    order = np.argsort(-np.diag(damped))
    weights, spread = weights[:, order], spread[:, order]
    upper = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    levels = np.empty_like(weights)
    for start in range(0, columns, 128):
        end = min(start + 128, columns)
        errors = np.empty((len(weights), end - start))
        for i in range(start, end):
            levels[:, i] = np.clip(np.rint(weights[:, i] / spread[:, i]), -top, top)
            errors[:, i - start] = (
                weights[:, i] - levels[:, i] * spread[:, i]) / upper[i, i]
            weights[:, i:end] -= np.outer(errors[:, i - start], upper[i, i:end])
        weights[:, end:] -= errors @ upper[start:end, end:]
    restored = np.empty_like(levels)
    restored[:, order] = levels
    return restored


def round_weights(model: "keras.Model") -> None:
    """Moves a model's matrices onto the grid of int8, so that its int8 file holds the very same.

    There is one step per output, or in a table of embeddings per row, such that the largest weight
    is 127 steps. What is left between model and file then comes from activations alone.

    Args:
        model: `keras.Model`; its weights change in place.
    """
    from keras_seqattn import borrowed

    for layer in borrowed.all_layers(model):
        for weight in borrowed.own_weights(layer):
            values = np.asarray(weight)
            if values.ndim > 1:
                summed = _summed_axes(layer, weight, values.ndim)
                kept = [axis for axis in range(values.ndim) if axis not in summed]
                rows = values.transpose(*kept, *summed)
                snapped = snap(rows.reshape(-1, int(np.prod([values.shape[i] for i in summed]))),
                               8, None).reshape(rows.shape)
                weight.assign(snapped.transpose(np.argsort((*kept, *summed))))


def _summed_axes(layer: "keras.Layer", weight: "keras.Variable", rank: int) -> list[int]:
    """Axes of a weight that a product sums over; of a table, those of a row."""
    import keras

    if weight.name == "embeddings":
        return list(range(1, rank))
    if isinstance(layer, keras.layers.EinsumDense):
        operands, result = layer.equation.split("->")
        return [axis for axis, letter in enumerate(operands.split(",")[1]) if letter not in result]
    return list(range(rank - 1))
