"""What a file may be off by, and what it must weigh, in each precision."""

import typing

import numpy as np

from keras_seqattn.edge.check import compare
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.precisions import ALL_PRECISIONS

# The largest error may be this many times the precision's tolerance, as a share of the largest
# number.
OUTLIER = 5
SMALLEST_SCALE = 0.01   # below it only the errors of numbers near 1 inside are seen
LEAST_WEIGHTS = 0.8     # of the matrices; folding removes vectors, and what no output reads
# Of a file whose precision is unknown.
LOOSEST = max(row.tolerance for row in ALL_PRECISIONS.values())
FEWEST_BITS = min(row.bits for row in ALL_PRECISIONS.values())


def judge_errors(report: Report, name: str, expected: np.ndarray, actual: np.ndarray) -> None:
    """Compares one output of a file with the model's, and writes into the report.

    Args:
        report: `Report`; its errors, failures and notes grow.
        name: Name of the output.
        expected: What the model gives, `(n, …)`.
        actual: What the file gives, `(n, …)`.
    """
    largest = report.max_abs_errors[name] = compare.largest_error(expected, actual)
    if expected.dtype != actual.dtype:
        report.failures.append(
            f"output {name} is {actual.dtype} in the file, {expected.dtype} in the model")
    known = ALL_PRECISIONS.get(report.precision)
    share = known.tolerance if known else LOOSEST
    error = compare.root_mean_square(expected - actual.astype(expected.dtype))
    tolerance = share * max(SMALLEST_SCALE, compare.root_mean_square(expected))
    if not error <= tolerance:
        report.failures.append(
            f"the mean error of {name}, {error:.3g}, exceeds {tolerance:.3g}")
    if len(expected) > 1 and np.any(expected) and compare.root_mean_square(
            expected - expected.mean(axis=0)) <= tolerance:
        report.notes.append(
            f"{name} hardly depends on these inputs, so a file that ignores them could pass; "
            "verify with real ones")
    tolerance = share * OUTLIER * max(SMALLEST_SCALE, float(np.abs(expected).max(initial=0.0)))
    if not largest <= tolerance:
        report.failures.append(
            f"the largest error of {name}, {largest:.3g}, exceeds {tolerance:.3g}")


def judge_size(report: Report, model: typing.Any) -> None:
    """Fails a file smaller than the model's weights: it has lost them, and gives NaN or noise.

    Args:
        report: `Report`; its failures grow.
        model: The Keras model, or any function, whose weights are not known.
    """
    weights = getattr(model, "weights", None)
    count = 1 if weights is None else sum(
        int(np.prod(weight.shape)) for weight in weights if len(weight.shape) > 1)
    known = ALL_PRECISIONS.get(report.precision)
    needed = count * (known.bits if known else FEWEST_BITS) / 8
    if report.weight_bytes < LEAST_WEIGHTS * needed:
        report.failures.append(
            f"the file holds {report.weight_bytes:,} bytes of weights, {count:,} of the model's "
            f"need {needed:,.0f}")
