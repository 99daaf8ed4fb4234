"""What a file may be off by, and what it must weigh, in each precision."""

import numpy as np

from keras_seqattn.edge.check import compare

# precision: root mean square of an output's errors that is still rounding, as a share of the root
# mean square of the output; the largest error may be OUTLIER times that share of the largest
# number. A file whose weights or ranges are wrong is off by more than half.
TOLERANCES = {
    "float32": 2e-5,            # sums in another order: 1e-6 and less
    "float16": 5e-3,            # 11 bits of mantissa: 5e-4
    "weight_only_wi8_afp32": 0.05,
    "dynamic_wi8_afp32": 0.05,  # 255 levels of a weight: 0.005 to 0.015
    "dynamic_wi4_afp32": 0.25,  # 15 levels of a weight: 0.06 to 0.17
    "mixed_wi8_ai8": 0.1,       # 8-bit attention products on top of 8-bit weights: 0.01 to 0.04
    "static_wi8_ai8": 0.3,      # 255 levels of what enters a product, clipping: 0.03 to 0.2
    "static_wi8_ai16": 0.25,    # 8-bit weights, and clipping where ranges are means: 0.02 to 0.16
}
OUTLIER = 5
WEIGHT_BITS = {"float32": 32, "float16": 16, "weight_only_wi8_afp32": 8, "dynamic_wi8_afp32": 8,
               "dynamic_wi4_afp32": 4, "mixed_wi8_ai8": 8, "static_wi8_ai8": 8,
               "static_wi8_ai16": 8}
SMALLEST_SCALE = 0.01   # below it only the errors of numbers near 1 inside are seen
LEAST_WEIGHTS = 0.8     # of the matrices; folding removes vectors, and what no output reads


def judge_errors(report, name, expected, actual):
    """Compares one output of a file, `actual`, with the model's; writes into the report."""
    largest = report.max_abs_errors[name] = compare.largest_error(expected, actual)
    if expected.dtype != actual.dtype:
        report.failures.append(
            f"output {name} is {actual.dtype} in the file, {expected.dtype} in the model")
    share = TOLERANCES.get(report.precision, max(TOLERANCES.values()))
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


def judge_size(report, model):
    """A file smaller than its weights has lost them on the way, and gives NaN or noise."""
    weights = getattr(model, "weights", None)
    count = 1 if weights is None else sum(
        int(np.prod(weight.shape)) for weight in weights if len(weight.shape) > 1)
    needed = count * WEIGHT_BITS.get(report.precision, min(WEIGHT_BITS.values())) / 8
    if report.weight_bytes < LEAST_WEIGHTS * needed:
        report.failures.append(
            f"the file holds {report.weight_bytes:,} bytes of weights, {count:,} of the model's "
            f"need {needed:,.0f}")
