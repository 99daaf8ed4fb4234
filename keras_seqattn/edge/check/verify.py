"""Whether an exported file does what the Keras model does, and whether devices can run it well."""

import os
import time
import typing

import numpy as np

from keras_seqattn.edge.check import compare, generator
from keras_seqattn.edge.check.judge import judge_errors, judge_size
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.float32 import float32_copy
from keras_seqattn.edge.run.latency import random_inputs, time_each
from keras_seqattn.edge.run.load import load
from keras_seqattn.errors import explain

FEWEST_RUNS, PATIENCE = 3, 20   # timed runs of a file so slow that all would take these seconds
ATTENTION_SUM = 0.01    # 16-bit floats and integers round each share


def verify(file: os.PathLike | str, model: typing.Any, inputs: typing.Any = None,
           targets: typing.Any = None, threads: int = 2, runs: int = 50,
           mean: typing.Any = 127.5, std: typing.Any = 127.5) -> Report:
    """Holds an exported file against the model it came from.

    Outputs are matched by name, or by order if the names differ. What the file gives beyond the
    model's outputs must be finite. An output named `attention` must sum to 1.

    Args:
        file: Path of the file.
        model: The Keras model, or any function from inputs to outputs. A model under mixed
            precision is compared by a float32 copy, as it is exported.
        inputs: Array `(n, …)` or dictionary of arrays, as model and file take them. Defaults to 8
            random examples.
        targets: Integer classes, `(n,)`, to measure accuracy.
        threads: CPU threads of the latency.
        runs: Timed runs of the latency; fewer of a file that takes long.
        mean: Where the file takes 8-bit pixels and the model does not, both see the same pixels,
            the model as `(pixel - mean) / std`.
        std: Divides what remains.

    Returns:
        `Report`; its `failures` say what does not hold. A file with custom ops is not run.

    Raises:
        ValueError: the file cannot be run, takes other inputs than those given, or gives outputs
            of other shapes than the model's.
    """
    runner = load(file, threads)
    writes = "writer" in runner.contract
    if writes != generator.writes(model):
        raise ValueError(explain(
            "file and model must both write sequences, or neither", file=str(file),
            file_writes=writes, fix="pass the model that the file was exported from"))
    if writes:
        return generator.verify(file, model, inputs, threads)
    if _takes_pixels(runner, model):
        from keras_seqattn.edge.graph import ports

        inputs = None if inputs is None else ports.as_pixels(inputs, mean, std)
        model = ports.from_pixels(model, mean, std)
    if inputs is None:
        inputs = random_inputs(runner, 8)
        inputs = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    examples = inputs if isinstance(inputs, dict) else dict.fromkeys(runner.inputs, inputs)
    report = Report.of(runner, examples)
    _judge_interface(report, runner.contract, model)
    judge_size(report, model)
    if not report.custom_ops:
        start = time.perf_counter()
        _measure(report, runner, model, inputs, examples, targets)
        each = (time.perf_counter() - start) / len(next(iter(examples.values())))
        del runner  # its packed weights, before another is made
        fitting = max(FEWEST_RUNS, int(PATIENCE / each))
        report.latency = time_each([file], threads, min(runs, fitting))[0]
    return report


def _takes_pixels(runner, model):
    """Whether the file scales pixels itself that the model takes scaled."""
    own = [each.dtype for each in getattr(model, "inputs", None) or ()]
    return own == ["float32"] and [np.dtype(each["dtype"]) for each in runner.inputs.values()] == [
        np.uint8]


def _measure(report, runner, model, inputs, examples, targets):
    """Runs file and model on the same inputs and compares what comes out."""
    actual = _by_name(runner(inputs), list(runner.outputs))
    first = {name: array[:1] for name, array in examples.items()}
    again = [_by_name(runner(first), list(runner.outputs)) for _ in range(2)]
    expected = _match(report, _predict(model, inputs), actual)
    for name, array in expected.items():
        judge_errors(report, name, array, actual[name])
    report.max_abs_error = max(report.max_abs_errors.values())
    report.cosine = min(compare.cosine(array, actual[name]) for name, array in expected.items())
    logits = next(iter(expected))
    _measure_classes(report, expected[logits], actual[logits], targets)
    _judge_outputs(report, actual, again, set(actual) - set(expected))


def _measure_classes(report, expected, actual, targets):
    """What only logits have, `(n, K)`."""
    if expected.ndim == 2 and expected.shape[1] > 1:
        report.kl_divergence = compare.kl_divergence(expected, actual)
        report.top1_agreement = compare.agreement(expected, actual)
        if expected.shape[1] > 5:
            report.top5_agreement = compare.agreement(expected, actual, top=5)
    if targets is not None:
        report.accuracy = {"keras": compare.accuracy(expected, targets),
                           "edge": compare.accuracy(actual, targets), "examples": len(targets)}


def _judge_outputs(report, actual, again, extra):
    infinite = [name for name, array in actual.items() if not np.isfinite(array).all()]
    if infinite:
        report.failures.append(f"an output is not finite: {', '.join(infinite)}")
    leaky = [name for name, array in actual.items() if not all(
        np.array_equal(array[:1], other[name], equal_nan=True) for other in again)]
    if leaky:
        report.failures.append(
            f"the same input gives another output in a later run: {', '.join(leaky)}")
    if "attention" in extra:
        array = actual["attention"]
        sums = array.reshape(len(array), -1).sum(axis=1)
        worst = float(np.abs(sums - 1).max())
        if worst > ATTENTION_SUM:
            report.failures.append(f"attention must sum to 1, it is {worst:.3g} off")


def _judge_interface(report, contract, model):
    """Names, shapes and dtypes of what goes in and out, against contract and model."""
    for kind in ("inputs", "outputs"):
        found = getattr(report, kind)
        promised = [{key: each[key] for key in ("name", "shape", "dtype")}
                    for each in contract.get(kind, ())]
        if promised and sorted(promised, key=str) != sorted(found, key=str):
            report.failures.append(f"the contract promises {kind} {promised}, the file has {found}")
    wanted = {each.name: each.dtype for each in getattr(model, "inputs", None) or ()}
    given = {each["name"]: each["dtype"] for each in report.inputs}
    if wanted and set(wanted) != set(given):
        report.warnings.append(
            f"inputs are named {sorted(given)} in the file, {sorted(wanted)} in the model")
    report.failures += [
        f"input {name} is {given[name]} in the file, {dtype} in the model"
        for name, dtype in wanted.items() if given.get(name, dtype) != dtype]


def _predict(model, inputs):
    """The model's outputs as a dictionary, or as a list if they have no names."""
    if not hasattr(model, "predict"):
        outputs = model(inputs)
        named = isinstance(outputs, dict)
        return outputs if named else list(outputs) if isinstance(outputs, (list, tuple)) else [
            outputs]
    outputs = float32_copy(model).predict(inputs, verbose=0)
    return _by_name(outputs, getattr(model, "output_names", None) or [])


def _by_name(outputs, names):
    if isinstance(outputs, dict):
        return outputs
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return dict(zip(names, outputs, strict=True))


def _match(report, outputs, actual):
    """The model's outputs under the file's names."""
    own = [name for name in actual if name != "attention"]
    if isinstance(outputs, dict) and not set(outputs) <= set(actual):
        report.warnings.append(
            f"outputs are named {own} in the file, {list(outputs)} in the model")
        outputs = list(outputs.values())
    if not isinstance(outputs, dict):
        names = own if len(outputs) == len(own) else [*own, *set(actual).difference(own)]
        names += range(len(outputs) - len(names))
        outputs = dict(zip(names, outputs, strict=False))
    expected = {name: np.asarray(array) for name, array in outputs.items()}
    wanted, given = ({name: array.shape for name, array in each.items()}
                     for each in (expected, actual))
    if not wanted.items() <= given.items() or set(own) - set(expected):
        raise ValueError(explain(
            "file and model must have outputs of the same shapes", file=report.file,
            file_shapes=given, model_shapes=wanted,
            fix="pass the model that the file was exported from"))
    return expected
