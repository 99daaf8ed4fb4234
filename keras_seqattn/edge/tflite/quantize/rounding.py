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

LEAST_STEP = np.float32(2.0 ** -24)  # float16's least; XNNPACK refuses a block whose step is 0
CHUNK = 1 << 15     # numbers that the processor's cache holds, with what is computed of them
ROWS, COLUMNS = 512, 64     # of a matrix whose errors are carried, at once
SMALL = 64
TINY = 1e-30
LEAST_BIAS = np.float32(2.0 ** -20)     # a bias has 32 bits, in steps of the weights' times inputs'


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
        if op.name not in (plans.DENSE, plans.CONV) or not plan.becomes_integers(op):
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

    Cost: computes in float32 on some rows at a time; beside the result it holds a few of these.
    """
    top = 2 ** (bits - 1) - 1
    rows, columns = weights.shape
    block = columns if block is None else block
    snapped = np.empty_like(weights)
    known = None if hessian is None else _Carry(hessian, damping)
    importance = np.ones(columns, "float32") if hessian is None else (
        np.diag(hessian) / max(np.diag(hessian).max(), TINY) + 1e-12).astype("float32")
    for rounded in _parts(rows, ROWS if known else CHUNK // columns):
        wide = weights[rounded].astype("float32").reshape(-1, columns // block, block)
        steps = np.concatenate([
            _steps(wide[part], importance.reshape(-1, block), top)
            for part in _parts(len(wide), CHUNK // columns)])
        if bias is not None:
            steps = np.maximum(steps, np.abs(bias[rounded, None]).astype("float32") * LEAST_BIAS)
        if block < columns:  # what AI Edge Quantizer stores blocks' steps in
            steps = np.maximum(steps.astype(ml_dtypes.bfloat16).astype("float32"), LEAST_STEP)
        snapped[rounded] = _snap(wide, steps[..., None], top, known).reshape(-1, columns)
    return snapped


def _parts(count, size):
    """Slices of so many rows, at least one each."""
    size = max(1, size)
    return [slice(start, start + size) for start in range(0, count, size)]


def _snap(grouped, steps, top, known):
    """Rows `(E, groups, block)` on grids of given steps, their largest on the ends."""
    ends = np.abs(grouped).argmax(axis=2)[..., None]
    signs = np.where(np.take_along_axis(grouped, ends, 2) < 0, -top, top).astype("float32")
    levels = np.rint(grouped / steps) if known is None else known.levels(grouped, steps, top)
    np.clip(levels, -top, top, out=levels)
    np.put_along_axis(levels, ends, signs, axis=2)
    levels *= steps
    return levels


def _steps(grouped: np.ndarray, importance: np.ndarray, top: int) -> np.ndarray:
    """Step of each group, `(E, groups)`: the one of least weighted error among clipping ranges."""
    largest = np.maximum(np.abs(grouped).max(axis=2), np.float32(1e-9))
    if top > 7:             # 8 bits lose more by clipping
        return largest / np.float32(top)
    in_steps = grouped * (top / largest)[..., None]     # of the widest range
    best, least = np.ones_like(largest), np.full(largest.shape, np.inf, "float32")
    scaled, levels = np.empty_like(in_steps), np.empty_like(in_steps)
    for share in np.linspace(1.0, 0.5, 21, dtype="float32"):
        np.multiply(in_steps, 1 / share, out=scaled)
        np.clip(np.rint(scaled, out=levels), -top, top, out=levels)
        levels -= scaled
        error = share ** 2 * np.einsum("egd,egd,gd->eg", levels, levels, importance)
        better = error < least
        best, least = np.where(better, share, best), np.where(better, error, least)
    return best * largest / np.float32(top)


class _Carry:
    """Rounds column by column and carries each error into the columns still to come.

    Args:
        hessian: As for `snap`.
        damping: As for `snap`.
    """

    def __init__(self, hessian: np.ndarray, damping: float) -> None:
        self._order = np.argsort(-np.diag(hessian))
        # With H = R·Rᵀ, R upper, the factor of H⁻¹ = Uᵀ·U is U = R⁻¹.
        backwards = self._order[::-1]
        damped = hessian[np.ix_(backwards, backwards)]
        damped.flat[::len(damped) + 1] += damping * np.mean(np.diag(hessian))
        factor = np.linalg.cholesky(damped)[::-1, ::-1]
        self._upper = _inverse(factor).astype("float32")

    def levels(self, grouped: np.ndarray, steps: np.ndarray, top: int) -> np.ndarray:
        """Returns the levels of rows, `(E, groups, block)`, in steps `(E, groups, 1)`."""
        weights = grouped.reshape(len(grouped), -1)
        # Columns are rows here, so that each lies in one piece.
        left = np.ascontiguousarray(weights.T[self._order])                   # (D, E)
        steps = np.ascontiguousarray(
            steps[..., 0].T[self._order // grouped.shape[2]])
        levels, upper = np.empty_like(left), self._upper
        moved = np.empty((COLUMNS, len(weights)), "float32")
        for start in range(0, len(left), COLUMNS):
            end = min(start + COLUMNS, len(left))
            errors = np.empty((end - start, len(weights)), "float32")
            for i in range(start, end):
                level = np.clip(np.rint(left[i] / steps[i], out=levels[i]), -top, top,
                                out=levels[i])
                error = np.multiply(level, steps[i], out=errors[i - start])
                np.subtract(left[i], error, out=error)
                error /= upper[i, i]
                rest = moved[:end - i - 1]
                np.multiply(upper[i, i + 1:end, None], error, out=rest)
                left[i + 1:end] -= rest
            left[end:] -= upper[start:end, end:].T @ errors
        restored = np.empty_like(weights)
        restored.T[self._order] = levels
        return restored.reshape(grouped.shape)


def _inverse(upper: np.ndarray) -> np.ndarray:
    """Inverse of an upper triangular matrix, by halves."""
    size = len(upper)
    if size <= SMALL:
        return np.triu(np.linalg.inv(upper))
    half = size // 2
    first, last = _inverse(upper[:half, :half]), _inverse(upper[half:, half:])
    inverse = np.zeros_like(upper)
    inverse[:half, :half], inverse[half:, half:] = first, last
    inverse[:half, half:] = -first @ (upper[:half, half:] @ last)
    return inverse


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
