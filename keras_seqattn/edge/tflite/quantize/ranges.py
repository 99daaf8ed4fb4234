"""What flows through a float `.tflite` file on calibration examples: ranges and second moments."""

import collections
import warnings

import numpy as np

BINS = 2048


class Ranges:
    """Histograms of tensors, and the range to quantise each to.

    Args:
        extremes: `{tensor: (lowest, highest)}` over all examples.
    """

    def __init__(self, extremes):
        self._extremes = extremes
        self._counts = {name: np.zeros(BINS, "int64") for name in extremes}

    def add(self, name, array):
        """Counts the values of a tensor."""
        low, high = self._extremes[name]
        if high > low:
            places = ((array.ravel() - low) * (BINS / (high - low))).astype("int64")
            self._counts[name] += np.bincount(np.minimum(places, BINS - 1), minlength=BINS)

    def search(self, name, bits=8, symmetric=False):
        """The range with the least mean squared error of quantising to `bits` bits.

        A range that clips rare extremes has a finer step. The candidates shrink the extremes
        together, from all of them down to a hundredth.

        Args:
            name: Tensor.
            bits: Bits of an integer.
            symmetric: Whether the range must be symmetric about zero.

        Returns:
            `(lowest, highest)` with 0 between them.
        """
        low, high = self._extremes[name]
        width = (high - low) / BINS
        centres = low + width * (np.arange(BINS) + 0.5)
        counts = self._counts[name]
        low, high = min(low, 0.0), max(high, 0.0)
        if symmetric:
            high = max(-low, high)
            low = -high
        best, least = (low, high), np.inf
        for share in np.geomspace(1.0, 0.01, 100):
            step = max(share * (high - low) / (2 ** bits - 1), 1e-12)
            clipped = centres - np.clip(centres, share * low, share * high)
            error = (counts * (clipped ** 2 + (clipped == 0) * step ** 2 / 12)).sum()
            if error < least:
                best, least = (share * low, share * high), error
        return best


class Moments:
    """First and second moments of what enters each dense layer."""

    def __init__(self):
        self._sums = collections.defaultdict(float)
        self._squares = collections.defaultdict(float)
        self._counts = collections.Counter()

    def add(self, name, array, squares):
        """Adds the tokens of a tensor, `(…, D)`; with `squares` also `x·xᵀ` of each."""
        rows = array.reshape(-1, array.shape[-1])
        self._sums[name] += rows.sum(axis=0, dtype="float64")
        self._counts[name] += len(rows)
        if squares:
            self._squares[name] += rows.T @ rows

    def mean(self, name):
        """Mean token of a tensor, `(D,)`."""
        return self._sums[name] / self._counts[name]

    def hessian(self, name):
        """Mean of `x·xᵀ`, `(D, D)`: how much an error of each weight moves the output."""
        return self._squares[name].astype("float64") / self._counts[name]


def observe(file, examples, ranged=(), summed=(), squares=False):
    """Runs a float file on examples and looks at tensors inside it.

    Args:
        file: Path of a float32 `.tflite` file.
        examples: `{input: array (n, …)}`.
        ranged: Names of the tensors whose range is wanted.
        summed: Names of the tensors whose moments are wanted.
        squares: Whether the second moments are wanted too.

    Returns:
        `Ranges`, `Moments`.
    """
    extremes, moments = {}, Moments()
    for values in _runs(file, examples, {*ranged, *summed}):
        for name in ranged:
            low, high = extremes.get(name, (np.inf, -np.inf))
            extremes[name] = (min(low, float(values[name].min())),
                              max(high, float(values[name].max())))
        for name in summed:
            moments.add(name, values[name], squares)
    ranges = Ranges(extremes)
    if ranged:
        for values in _runs(file, examples, ranged):
            for name in ranged:
                ranges.add(name, values[name])
    return ranges, moments


def _runs(file, examples, names):
    """Yields the named tensors of each run, which XNNPACK would not keep."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with warnings.catch_warnings():  # keeping all tensors takes memory, which is meant here
        warnings.simplefilter("ignore", UserWarning)
        interpreter = Interpreter(
            str(file), num_threads=2, experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    run = interpreter.get_signature_runner()
    run(**{name: array[:1] for name, array in examples.items()})
    places = {tensor["name"]: tensor["index"] for tensor in interpreter.get_tensor_details()
              if tensor["name"] in names}
    for i in range(len(next(iter(examples.values())))):
        run(**{name: array[i:i + 1] for name, array in examples.items()})
        yield {name: interpreter.get_tensor(place) for name, place in places.items()}
