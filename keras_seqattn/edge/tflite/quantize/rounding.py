"""Weights on a grid: which steps, and which way to round.

Sources: GPTQ, Frantar et al. 2023, algorithm 1, for the rounding; the step by search over clipping
ranges, as in Banner et al. 2019, weighted by the second moments of the inputs.
"""

import ml_dtypes
import numpy as np

LEAST_STEP = 2.0 ** -24  # float16's least number; XNNPACK refuses a block whose step is 0


def snap(weights, bits, block=None, hessian=None, bias=None, damping=0.01):
    """Moves weights onto the grid of symmetric integers where the layer's output suffers least.

    The largest weight of each row, or block of a row, lies on the end of its grid, so a quantiser
    that takes its step from the largest weight finds exactly this grid again. Where all are zero,
    one weight becomes that end, of the least of all steps.

    Args:
        weights: `(E, D)`: one row per output.
        bits: Bits of an integer: `[-127, 127]` for 8, `[-7, 7]` for 4.
        block: Number of neighbouring inputs that share a step. Defaults to all `D`.
        hessian: Mean of `x·xᵀ` over the inputs, `(D, D)`. Without it each weight is rounded to
            its nearest neighbour.
        bias: `(E,)` if it becomes an integer of the row's step times the input's: rows of zeros
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


def _steps(grouped, importance, top):
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


def _carry(weights, spread, hessian, top, damping):
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


def round_weights(model):
    """Moves a model's matrices onto the grid of int8, so that its int8 file holds the very same.

    One step per output, or in a table of embeddings per row, such that the largest is 127 steps.
    What is left between model and file then comes from activations alone.

    Args:
        model: `keras.Model`; its weights change in place.
    """
    for layer in model._flatten_layers():
        for weight in layer._trainable_variables:
            values = np.asarray(weight)
            if values.ndim > 1:
                summed = _summed_axes(layer, weight, values.ndim)
                kept = [axis for axis in range(values.ndim) if axis not in summed]
                rows = values.transpose(*kept, *summed)
                snapped = snap(rows.reshape(-1, int(np.prod([values.shape[i] for i in summed]))),
                               8, None).reshape(rows.shape)
                weight.assign(snapped.transpose(np.argsort((*kept, *summed))))


def _summed_axes(layer, weight, rank):
    """Axes of a weight that a product sums over; of a table, those of a row."""
    if weight.name == "embeddings":
        return list(range(1, rank))
    if hasattr(layer, "equation"):
        operands, result = layer.equation.split("->")
        return [axis for axis, letter in enumerate(operands.split(",")[1]) if letter not in result]
    return list(range(rank - 1))
