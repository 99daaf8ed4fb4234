"""Whether an exported file does what the Keras model does, and whether devices can run it well."""

import collections
import hashlib
import pathlib

import numpy as np

from keras_seqattn.edge.benchmark import benchmark, random_inputs
from keras_seqattn.edge.precision import float32_copy
from keras_seqattn.edge.report import Report
from keras_seqattn.edge.run import load
from keras_seqattn.errors import explain

# precision: largest error of an output that is still rounding, as a share of the largest output
# (at least 1). Float: sums in another order. Int8: a few per cent, more where outputs are small.
TOLERANCES = {"float32": 1e-4, "dynamic_wi8_afp32": 0.1}
MAX_RANK = 4


def verify(file, model, inputs=None, targets=None, threads=2, runs=50):
    """Holds an exported file against the model it came from.

    Args:
        file: Path of the `.tflite` file.
        model: The Keras model, or any function from inputs to outputs. A model under mixed
            precision is compared by a float32 copy, as it is exported.
        inputs: Array `(n, …)` or dictionary of arrays, as the model takes them. Defaults to 8
            random examples.
        targets: Integer classes, `(n,)`, to measure accuracy.
        threads: CPU threads of the latency.
        runs: Timed runs of the latency.

    Returns:
        `Report`; its `failures` say what does not hold.

    Raises:
        ValueError: the file cannot be run or takes other inputs than those given.
    """
    runner = load(file, threads)
    if inputs is None:
        inputs = random_inputs(runner, 8)
        inputs = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    expected, actual = _flat(_predict(model, inputs)), _flat(runner(inputs))
    first = _take(inputs, slice(0, 1))
    again = [_flat(runner(first)) for _ in range(2)]
    if [x.shape for x in expected] != [x.shape for x in actual]:
        raise ValueError(explain(
            "file and model must have outputs of the same shapes", file=str(file),
            file_shapes=[x.shape for x in actual], model_shapes=[x.shape for x in expected],
            fix="pass the model that the file was exported from"))
    ops = collections.Counter(op["op_name"] for op in runner.interpreter._get_ops_details())
    partitions = ops.pop("DELEGATE", 0)
    tensors = runner.interpreter.get_tensor_details()
    report = Report(
        file=str(file), precision=runner.contract.get("precision", "unknown"),
        bytes=pathlib.Path(file).stat().st_size,
        sha256=hashlib.sha256(pathlib.Path(file).read_bytes()).hexdigest(),
        inputs=_describe(runner.inputs), outputs=_describe(runner.outputs),
        signatures=list(runner.interpreter.get_signature_list()), ops=dict(sorted(ops.items())),
        max_rank=max(len(tensor["shape"]) for tensor in tensors),
        flex_ops=sorted(name for name in ops if name.startswith("Flex")), partitions=partitions,
        max_abs_error=max(_error(a, b) for a, b in zip(expected, actual, strict=True)),
        top1_agreement=_agreement(expected[0], actual[0]),
        accuracy=_accuracy(expected[0], actual[0], targets),
        latency=benchmark(file, threads, runs), warnings=[], failures=[])
    scale = max(1.0, *(float(np.max(np.abs(x))) for x in expected))
    _judge(report, runner, actual, again, scale)
    return report


def _judge(report, runner, actual, again, scale):
    tolerance = TOLERANCES.get(report.precision, max(TOLERANCES.values())) * scale
    dynamic = [name for details in (runner.inputs, runner.outputs)
               for name, detail in details.items() if -1 in detail["shape_signature"]]
    checks = [
        (not all(np.isfinite(x).all() for x in actual), "an output is not finite"),
        (any((a != b).any() for a, b in zip(*again, strict=True)),
         "the second run of the same input gives another output"),
        (not report.max_abs_error <= tolerance,
         f"the largest error {report.max_abs_error:.3g} exceeds {tolerance:.3g}"),
        (report.flex_ops, f"Flex ops cannot run in LiteRT: {', '.join(report.flex_ops)}"),
        (report.max_rank > MAX_RANK,
         f"a tensor has rank {report.max_rank}; GPUs take {MAX_RANK} at most"),
        (dynamic, f"shapes are not static: {', '.join(dynamic)}"),
    ]
    report.failures += [text for failed, text in checks if failed]
    if report.partitions != 1:
        report.warnings.append(
            f"XNNPACK runs {report.partitions} partitions; each border costs time")


def _predict(model, inputs):
    if hasattr(model, "predict"):
        return float32_copy(model).predict(inputs, verbose=0)
    return model(inputs)


def _flat(outputs):
    """Outputs as a list of arrays; of a dictionary in the order of its names."""
    if isinstance(outputs, dict):
        return [np.asarray(outputs[name]) for name in sorted(outputs)]
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [np.asarray(output) for output in outputs]


def _take(inputs, chosen):
    if isinstance(inputs, dict):
        return {name: array[chosen] for name, array in inputs.items()}
    return inputs[chosen]


def _describe(details):
    return [{"name": name, "shape": [int(n) for n in detail["shape"]],
             "dtype": np.dtype(detail["dtype"]).name} for name, detail in details.items()]


def _error(expected, actual):
    difference = np.abs(expected.astype("float64") - actual.astype("float64"))
    return float(difference.max()) if difference.size else 0.0


def _agreement(expected, actual):
    if expected.ndim != 2:
        return None
    return float(np.mean(expected.argmax(-1) == actual.argmax(-1)))


def _accuracy(expected, actual, targets):
    if targets is None:
        return None
    keras_accuracy, edge_accuracy = (
        float(np.mean(x.argmax(-1) == targets)) for x in (expected, actual))
    return {"keras": keras_accuracy, "edge": edge_accuracy, "examples": len(targets)}
