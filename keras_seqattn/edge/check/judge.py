"""What a file may be off by, and what it must weigh, in each precision."""

import collections.abc
import math
import typing

import numpy as np

from keras_seqattn.edge.check import compare
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.precisions import ALL_PRECISIONS

# The largest error may be this many times the precision's tolerance, as a share of the largest
# number.
OUTLIER = 5
NEARLY_ALL, TIES, LEAST_AGREEMENT = 0.9, 10, 0.2  # see `judge_equal`
SMALLEST_SCALE = 0.01   # below it only the errors of numbers near 1 inside are seen
LEAST_WEIGHTS = 0.8     # of the matrices; folding removes what no output reads
LEFT_OUT = ("embedding", "lora_")  # in the names of variables that need not be in a file
# Of a file whose precision is unknown.
LOOSEST = max(row.tolerance for row in ALL_PRECISIONS.values())
FEWEST_BITS = min(row.bits for row in ALL_PRECISIONS.values())


def judge_output(report: Report, name: str, expected: np.ndarray, actual: np.ndarray,
                 near_ties: collections.abc.Callable[[], np.ndarray], rounding: float = 0.0,
                 ) -> None:
    """Compares one output of a file with the model's: floats by their errors, others by equality.

    Args:
        report: `Report`; its errors, failures and notes grow.
        name: Name of the output.
        expected: What the model gives, `(n, …)`.
        actual: What the file gives, `(n, …)`.
        near_ties: Function that tells where rounding decides the model's own values.
        rounding: As for `judge_errors`.
    """
    if expected.dtype != actual.dtype:
        report.failures.append(
            f"output {name} is {actual.dtype} in the file, {expected.dtype} in the model")
    if expected.dtype.kind == "f":
        judge_errors(report, name, expected, actual, rounding)
    else:
        judge_equal(report, name, expected, actual, near_ties)


def judge_equal(report: Report, name: str, expected: np.ndarray, actual: np.ndarray,
                near_ties: collections.abc.Callable[[], np.ndarray]) -> None:
    """Compares an output of integers or booleans, such as the place of the largest logit.

    The value of such an output jumps where the numbers behind it are near a tie. In float32 all
    values must be equal, but for those that rounding decides in the model too. In other precisions
    the logits may be off by a share `t`, the precision's tolerance. Then about `t / π` of the signs
    of random logits differ, and `2 t` of the choices among a thousand of them. The second and the
    third of `top_k` lie closer, and differ more often. So either of these suffices:

    - a share of `1 - 2 t` equals, and no less than `NEARLY_ALL`;
    - the agreement beyond chance is `1 - TIES * t`, and no less than `LEAST_AGREEMENT`.

    Args:
        report: `Report`; its shares and failures grow.
        name: Name of the output.
        expected: What the model gives, `(n, …)`.
        actual: What the file gives, `(n, …)`.
        near_ties: Function that tells where rounding decides the model's own values. It is asked
            only where the file would fail.
    """
    tolerance = _tolerance(report)

    def fits(given):
        if report.precision == "float32":
            return np.array_equal(given, expected)
        return (np.mean(given == expected) >= max(NEARLY_ALL, 1 - 2 * tolerance)
                or compare.beyond_chance(expected, given) >= max(
                    LEAST_AGREEMENT, 1 - TIES * tolerance))

    report.equal[name] = float(np.mean(expected == actual))
    if fits(actual):
        return
    decided = np.where(near_ties(), expected, actual)
    if not fits(decided):
        place = tuple(map(int, np.argwhere(decided != expected)[0]))
        report.failures.append(
            f"of {name} {report.equal[name]:.1%} equal the model's, the first other value is "
            f"{actual[place]} instead of {expected[place]} at {place}")


def judge_errors(report: Report, name: str, expected: np.ndarray, actual: np.ndarray,
                 rounding: float = 0.0) -> None:
    """Compares an output of floats by its errors, and writes into the report.

    Args:
        report: `Report`; its errors, failures and notes grow.
        name: Name of the output.
        expected: What the model gives, `(n, …)`.
        actual: What the file gives, `(n, …)`.
        rounding: What the model itself rounds, as a share of the output's root mean square, see
            `float32.ROUNDING`.
    """
    largest = report.max_abs_errors[name] = compare.largest_error(expected, actual)
    share = max(_tolerance(report), rounding)
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


def relative_error(expected: np.ndarray, actual: np.ndarray) -> float:
    """How large a tolerance must be for `judge_errors` to let an output pass.

    Args:
        expected: What the model gives, `(n, …)`.
        actual: What the file gives, `(n, …)`.

    Returns:
        Share of the root mean square, infinite where a number is none. Of integers and booleans
        half the share that differs, see `judge_equal`.

    >>> relative_error(np.array([3.0, 4.0]), np.array([3.0, 4.5]))  # √(0.5²/2) / √(5²/2)
    0.1
    """
    if expected.dtype.kind != "f":
        return float(np.mean(expected != actual)) / 2
    mean = compare.root_mean_square(expected - actual.astype(expected.dtype)) / max(
        SMALLEST_SCALE, compare.root_mean_square(expected))
    largest = compare.largest_error(expected, actual) / (
        OUTLIER * max(SMALLEST_SCALE, float(np.abs(expected).max(initial=0.0))))
    return max(mean, largest) if np.isfinite(mean + largest) else math.inf


def judge_size(report: Report, model: typing.Any, weight_bytes: int | None = None) -> None:
    """Fails a file smaller than the model's weights: it has lost them, and gives NaN or noise.

    Args:
        report: `Report`; its failures grow.
        model: The Keras model, or any function, whose weights are not known.
        weight_bytes: Bytes that the weights in the file would take in float32, if it is known what
            was written. Else those of the model's variables that every file has, see `_kept`.
    """
    count = _kept(model) if weight_bytes is None else weight_bytes // 4
    known = ALL_PRECISIONS.get(report.precision)
    needed = count * (known.bits if known else FEWEST_BITS) / 8
    if report.weight_bytes < LEAST_WEIGHTS * needed:
        report.failures.append(
            f"the file holds {report.weight_bytes:,} bytes of weights, {count:,} of the model's "
            f"need {needed:,.0f}")


def _kept(model):
    """How many numbers of a model's variables are in every file of it.

    Not counted are

    - vectors, since folding removes them;
    - tables, since only the rows of a position table leave that are read;
    - the factors of LoRA, since their product is added to the kernel.
    """
    weights = getattr(model, "weights", None)
    if weights is None:
        return 1
    return sum(math.prod(weight.shape) for weight in weights
               if len(weight.shape) > 1 and not any(each in weight.name for each in LEFT_OUT))


def _tolerance(report):
    known = ALL_PRECISIONS.get(report.precision)
    return known.tolerance if known else LOOSEST
