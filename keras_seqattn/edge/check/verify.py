"""Whether an exported file does what the Keras model does, and whether devices can run it well."""

import contextlib
import functools
import os
import time
import typing

import numpy as np

from keras_seqattn.edge.check import accelerated, answers, compare, emulated, generator, trial
from keras_seqattn.edge.check.interface import judge_interface, judge_scale, judge_signatures
from keras_seqattn.edge.check.judge import judge_output, judge_size
from keras_seqattn.edge.check.reference import Reference
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.float32 import in_float32
from keras_seqattn.edge.run.latency import time_warm
from keras_seqattn.edge.run.load import load
from keras_seqattn.edge.run.writer import Writer
from keras_seqattn.edge.tflite import processors
from keras_seqattn.errors import explain

PATIENCE = 20.0  # seconds of the model's runs, and of the file's, after which fewer examples do
LATENCY_PATIENCE = 1.0
CHUNK = 8  # examples between two looks at the clock
LOOKED_INTO = 3  # examples on which every value inside the file is looked at
LARGE = 1 << 28  # bytes of a file of which one example is looked into
ATTENTION_SUM = 0.01  # 16-bit floats and integers round each share


def verify(file: os.PathLike | str, model: typing.Any, inputs: typing.Any = None,
           targets: typing.Any = None, threads: int = 2, runs: int = 50,
           mean: typing.Any = 127.5, std: typing.Any = 127.5,
           weight_bytes: int | None = None,
           tried: dict[str, trial.Trial] | None = None, on: str = "cpu") -> Report:
    """Holds an exported file against the model it came from.

    - Outputs are matched by name, or by order if the names differ.
    - Floats may be off by what the precision rounds, see `judge.judge_errors`. Integers and
      booleans must be equal, see `judge.judge_equal`.
    - What the file gives beyond the model's outputs must be finite. An output named `attention`
      must sum to 1.
    - Each signature of a file is held against the model. Those beyond the main one run on examples
      that are drawn in their own sizes.
    - A model that masks is also tried on padded rows of several lengths.
    - Rows for which Keras itself gives NaN are left out.

    Args:
        file: Path of the file.
        model: The Keras model, or any function from inputs to outputs. A model under mixed
            precision computes in float32 here, as its file does.
        inputs: Examples in any form of `examples.take`. Defaults to 8 drawn for the model. Without
            `targets` no more than 512 are run, and no more once model or file have taken 20
            seconds.
        targets: Integer classes of all examples, `(n,)`, to measure accuracy.
        threads: CPU threads of the latency.
        runs: Timed runs of the latency; fewer of a file that takes long.
        mean: Where the file takes 8-bit pixels and the model does not, both see the same pixels,
            the model as `(pixel - mean) / std`.
        std: Divides what remains.
        weight_bytes: Bytes that the weights in the file would take in float32. By default the
            model's variables tell.
        tried: Where what the model gives is kept, by name of the signature. For several files of
            one model, which gives the same for all of them.
        on: `"gpu"` to also hold it against LiteRT's GPU accelerator. That runs in a process of its
            own and needs a Vulkan driver, such as SwiftShader. `Report.gpu` has its errors.
            `"npu"` for a file of `compile_for_npu`, see `emulated.verify`.

    Returns:
        `Report`; its `failures` say what does not hold. A file with custom ops is not run.

    Raises:
        ValueError: the file cannot be run, takes other inputs than those given, or gives outputs
            of other shapes than the model's. There is no Vulkan driver.
    """
    accelerated.check(on, file)
    with in_float32(model) if hasattr(model, "predict") else contextlib.nullcontext():
        if on == processors.NPU:
            return emulated.verify(file, model, inputs, targets, mean, std)
        return _verified(file, model, inputs, targets, threads, runs, mean, std, weight_bytes,
                         {} if tried is None else tried, on == processors.GPU)


@np.errstate(invalid="ignore")     # of infinite outputs, which the report tells
def _verified(file, model, inputs, targets, threads, runs, mean, std, weight_bytes, known, on_gpu):
    start = time.perf_counter()
    runner = load(file, threads)
    writes = "writer" in runner.contract
    if writes != generator.writes(model):
        raise ValueError(explain(
            "file and model must both write sequences, or neither", file=str(file),
            file_writes=writes, fix="pass the model that the file was exported from"))
    if writes:
        report = generator.verify(typing.cast(Writer, runner), model, inputs, threads,
                                  weight_bytes=weight_bytes, on_gpu=on_gpu)
    else:
        (name, main), *others = runner.signatures.items()
        reference = Reference(model, main, mean, std)
        tried = known[name] = known.get(name) or trial.begin(
            reference, inputs, targets, PATIENCE if targets is None else float("inf"))
        drawn = [_drawn(Reference(model, each, mean, std), each_name, known)
                 for each_name, each in others]
        report = Report.of(runner, *(_looked_into(each.arrays, os.path.getsize(file))
                                     for each in (tried, *(other for _, other in drawn))))
        report.notes += tried.notes
        judge_interface(report, runner.contract, reference.dtypes)
        judge_signatures(report, runner)
        judge_scale(report, runner.contract, {} if inputs is None else tried.arrays)
        judge_size(report, model, weight_bytes)
        if not report.custom_ops:
            made = {name: _measure(report, main, reference, tried)}
            for (each_name, each), (own, other) in zip(others, drawn, strict=True):
                made[each_name] = _compare(report, each, own, other, f"{each_name}/")
            for each_name, outputs in made.items() if on_gpu else ():
                accelerated.judge(report, runner, each_name, known[each_name].arrays, *outputs)
            report.max_abs_error = max(report.max_abs_errors.values(), default=None)
            report.latency = time_warm(
                main, tried.first(main.batch_size).arrays, threads, runs, LATENCY_PATIENCE)
    report.seconds = round(time.perf_counter() - start, 3)
    return report


def _drawn(reference, name, known):
    """A reference, and examples drawn for it."""
    known[name] = known.get(name) or trial.begin(reference, None, None, PATIENCE)
    return reference, known[name]


def _looked_into(arrays, size):
    """A few examples, from the first to the last, which may be padded."""
    places = np.linspace(0, len(next(iter(arrays.values()))) - 1,
                         1 if size > LARGE else LOOKED_INTO).astype(int)
    return {name: each[np.unique(places)] for name, each in arrays.items()}


def _measure(report, runner, reference, tried):
    """As `_compare`, of the main signature; what its classes have is measured too."""
    expected, actual = _compare(report, runner, reference, tried)
    floats = [name for name, array in expected.items() if array.dtype.kind == "f"]
    report.cosine = min((compare.cosine(expected[name], actual[name]) for name in floats),
                        default=None)
    name = answers.named(runner.contract, floats or list(expected))
    answers.measure(report, runner.contract, name, expected[name][:tried.num_own],
                    actual[name][:tried.num_own], tried.targets)
    return expected, actual


def _compare(report, runner, reference, tried, prefix=""):
    """Runs a signature on examples and judges each output; returns the model's and the file's."""
    actual = _run(runner, tried)
    count = len(next(iter(actual.values())))
    if count < len(next(iter(tried.arrays.values()))):
        report.notes.append(f"{count} examples were run, since the file takes long")
        tried = tried.first(count)
    again = [_run(runner, tried.first(runner.batch_size)) for _ in range(2)]
    names = _match(report, tried.expected, actual)
    expected = {names[own]: array for own, array in tried.expected.items()}
    for own, name in names.items():
        judge_output(report, prefix + name, expected[name], actual[name], functools.partial(
            reference.near_ties, tried.arrays, own, tried.expected[own]),
            reference.rounding.get(own, 0.0))
    _judge_outputs(report, actual, again, set(actual) - set(expected), prefix)
    return expected, actual


def _run(runner, tried):
    """The outputs of the file by name, of as many examples as the patience allows."""
    start, made = time.perf_counter(), []
    count = len(next(iter(tried.arrays.values())))
    chunk = -(-CHUNK // runner.batch_size) * runner.batch_size
    for first in range(0, count, chunk):
        outputs = runner({name: each[first:first + chunk] for name, each in tried.arrays.items()
                          if name in runner.inputs})
        made.append(outputs if isinstance(outputs, dict) else dict(
            zip(runner.outputs, [outputs], strict=True)))
        if tried.targets is None and time.perf_counter() - start > PATIENCE:
            break
    return {name: np.concatenate([each[name] for each in made]) for name in runner.outputs}


def _judge_outputs(report, actual, again, extra, prefix):
    infinite = [prefix + name for name, array in actual.items() if not np.isfinite(array).all()]
    if infinite:
        report.failures.append(f"an output is not finite: {', '.join(infinite)}")
    leaky = [prefix + name for name, array in actual.items() if not all(
        np.array_equal(array[:len(other[name])], other[name], equal_nan=array.dtype.kind == "f")
        for other in again)]
    if leaky:
        report.failures.append(
            f"the same input gives another output in a later run: {', '.join(leaky)}")
    if "attention" in extra:
        array = actual["attention"]
        sums = array.reshape(len(array), -1).sum(axis=1)
        worst = float(np.abs(sums - 1).max())
        if worst > ATTENTION_SUM:
            report.failures.append(f"{prefix}attention must sum to 1, it is {worst:.3g} off")


def _match(report, outputs, actual):
    """The file's name of each output of the model."""
    own = [name for name in actual if name != "attention"]
    if set(outputs) <= set(actual):
        names = {name: name for name in outputs}
    else:
        if not all(isinstance(name, int) for name in outputs):
            report.warnings.append(
                f"outputs are named {own} in the file, {list(outputs)} in the model")
        files = own if len(outputs) == len(own) else [*own, *set(actual).difference(own)]
        files += range(len(outputs) - len(files))
        names = dict(zip(outputs, files, strict=False))
    wanted = {names[name]: array.shape for name, array in outputs.items()}
    given = {name: array.shape for name, array in actual.items()}
    if not wanted.items() <= given.items() or set(own) - set(wanted):
        raise ValueError(explain(
            "file and model must have outputs of the same shapes", file=report.file,
            file_shapes=given, model_shapes=wanted,
            fix="pass the model that the file was exported from"))
    return names
