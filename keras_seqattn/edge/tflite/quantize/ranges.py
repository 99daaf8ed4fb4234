"""What flows through a float `.tflite` file on calibration examples: ranges and second moments."""

import collections
import os
import typing

import numpy as np

from keras_seqattn.edge.tflite import reader, session

BINS = 2048
# Errors of clipping have one sign and add up, where those of rounding cancel. Of factors 1 to 16
# this had the least error over training images of vit_eurosat and vit_flowers in static_wi8_ai8.
CLIPPED = 4
KEPT = 1 << 29    # bytes of activations that are kept rather than computed twice


class Ranges:
    """Histograms of tensors, and the range to quantise each to.

    Args:
        extremes: `{tensor: (lowest, highest)}` over all examples.
    """

    def __init__(self, extremes: dict[str, tuple[float, float]]):
        self._extremes = extremes
        self._counts = {name: np.zeros(BINS, "int64") for name in extremes}

    def add(self, name: str, array: np.ndarray) -> None:
        """Counts the values of a tensor."""
        low, high = self._extremes[name]
        if high > low:
            places = ((array.ravel() - low) * (BINS / (high - low))).astype("int64")
            self._counts[name] += np.bincount(np.minimum(places, BINS - 1), minlength=BINS)

    def search(self, name: str, bits: int = 8, symmetric: bool = False,
               floor: float = -np.inf) -> tuple[float, float]:
        """Finds the range with the least mean squared error of quantising to `bits` bits.

        A range that clips rare extremes has a finer step. What is clipped counts `CLIPPED` times.
        The candidates shrink the extremes together, from all of them down to a hundredth.

        Args:
            name: Tensor.
            bits: Bits of an integer.
            symmetric: Whether the range must be symmetric about zero.
            floor: Number below which whoever reads the tensor makes the same of all.

        Returns:
            `(lowest, highest)` with 0 between them.
        """
        low, high = self._extremes[name]
        width = (high - low) / BINS
        centres = np.maximum(low + width * (np.arange(BINS) + 0.5), floor)
        counts = self._counts[name]
        low, high = min(max(low, floor), 0.0), max(high, 0.0)
        if symmetric:
            high = max(-low, high)
            low = -high
        best, least = (low, high), np.inf
        for share in np.geomspace(1.0, 0.01, 100):
            step = max(share * (high - low) / (2 ** bits - 1), 1e-12)
            clipped = centres - np.clip(centres, share * low, share * high)
            error = (counts * (CLIPPED * clipped ** 2 + (clipped == 0) * step ** 2 / 12)).sum()
            if error < least:
                best, least = (share * low, share * high), error
        return best


class Moments:
    """First and second moments of what enters each dense layer."""

    def __init__(self) -> None:
        self._sums: dict[str, typing.Any] = collections.defaultdict(float)
        self._squares: dict[str, typing.Any] = collections.defaultdict(float)
        self._counts: collections.Counter[str] = collections.Counter()

    def add(self, name: str, array: np.ndarray, squares: bool) -> None:
        """Adds the tokens of a tensor, `(…, D)`; with `squares` also `x·xᵀ` of each."""
        rows = array.reshape(-1, array.shape[-1])
        self._sums[name] += rows.sum(axis=0, dtype="float64")
        self._counts[name] += len(rows)
        if squares:
            self._squares[name] += rows.T @ rows

    def mean(self, name: str) -> np.ndarray:
        """Returns the mean token of a tensor, `(D,)`."""
        return self._sums[name] / self._counts[name]

    def hessian(self, name: str) -> np.ndarray:
        """Returns the mean of `x·xᵀ`, `(D, D)`, by which errors of weights move the output."""
        return self._squares[name].astype("float64") / self._counts[name]


def observe(file: str | os.PathLike, examples: typing.Mapping[str, np.ndarray],
            ranged: typing.Collection[str] = (), summed: typing.Collection[str] = (),
            squares: bool = False) -> tuple[Ranges, Moments]:
    """Runs a float file on examples and looks at tensors of its main graph.

    Args:
        file: Path of a float32 `.tflite` file.
        examples: `{input: array (n, …)}`.
        ranged: Names of the tensors whose range is wanted.
        summed: Names of the tensors whose moments are wanted.
        squares: Whether the second moments are wanted too.

    Returns:
        `Ranges`, `Moments`.
    """
    places = {tensor.name: tensor.index for tensor in reader.read(file).graphs[0].tensors}
    extremes: dict[str, tuple[float, float]] = {}
    moments = Moments()
    kept: list[dict[str, np.ndarray]] | None = []
    for value in session.kept_runs(file, examples):
        arrays = {name: value(places[name]) for name in ranged}
        for name, array in arrays.items():
            low, high = extremes.get(name, (np.inf, -np.inf))
            extremes[name] = (min(low, float(array.min())), max(high, float(array.max())))
        for name in summed:
            moments.add(name, value(places[name]), squares)
        if kept is not None:
            kept.append(arrays)
            if sum(array.nbytes for array in arrays.values()) * len(kept) > KEPT:
                kept = None
    ranges = Ranges(extremes)
    if ranged:
        again = kept if kept is not None else (
            {name: value(places[name]) for name in ranged}
            for value in session.kept_runs(file, examples))
        for arrays in again:
            for name, array in arrays.items():
                ranges.add(name, array)
    return ranges, moments
