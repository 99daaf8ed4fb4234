"""Whether the NPU's program inside a compiled file computes what the Keras model does."""

import functools
import os
import pathlib
import time
import types
import typing

import numpy as np

from keras_seqattn.edge.check import answers, compare, trial
from keras_seqattn.edge.check.judge import judge_output
from keras_seqattn.edge.check.reference import Reference
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.contract.checksum import sha256
from keras_seqattn.edge.contract.contract import facts_of
from keras_seqattn.edge.npu import emulator
from keras_seqattn.edge.tflite import contract_in_file, reader
from keras_seqattn.errors import explain


def verify(file: os.PathLike | str, model: typing.Any, inputs: typing.Any = None,
           targets: typing.Any = None, mean: typing.Any = 127.5,
           std: typing.Any = 127.5) -> Report:
    """Holds a compiled file against the model that it came from, in the NPU's arithmetic.

    Qualcomm's emulator runs the program that the file holds, byte for byte. So the errors are those
    of the chip as far as the emulator is right. There is no latency.

    Args:
        file: Path of a file that `compile_for_npu` wrote, of one signature.
        model: As for `verify.verify`, and so are all that follow.
        inputs: Examples; each takes the emulator 0.1 s and more.
        targets: Integer classes of the examples, `(n,)`.
        mean: Subtracted from 8-bit pixels.
        std: Divides what remains.

    Returns:
        `Report`. Its `quantised` is `None`, and `ops` are those of the compiled file.

    Raises:
        ValueError: the file is not compiled, or it is not one program of the NPU.
        ExportError: this machine has no emulator, or it fails.
    """
    start = time.perf_counter()
    found, place = emulator.program(file), emulator.chip(file)
    runner = types.SimpleNamespace(inputs=_details(found.inputs), outputs=_details(found.outputs))
    reference = Reference(model, typing.cast(typing.Any, runner), mean, std)
    tried = trial.begin(reference, inputs, targets, float("inf"))
    actual = emulator.run(file, tried.arrays)
    report = _report(file, runner)
    report.notes = [*tried.notes, f"computed by Qualcomm's emulator of {place.name}, whose NPU is "
                                  f"v{place.architecture}; not run on a chip"]
    named = dict(zip(tried.expected, actual, strict=True)) if set(tried.expected) != set(
        actual) else {name: str(name) for name in actual}
    for own, name in named.items():
        wanted, made = tried.expected[own], actual[name]
        if wanted.shape != made.shape:
            raise ValueError(explain(
                "file and model must have outputs of the same shapes", file=str(file),
                file_shape=made.shape, model_shape=wanted.shape,
                fix="pass the model that the file was exported from"))
        judge_output(report, name, wanted, made,
                     functools.partial(np.zeros, wanted.shape, "bool"))
        if not np.isfinite(made).all():
            report.failures.append(f"an output is not finite: {name}")
    report.max_abs_error = max(report.max_abs_errors.values(), default=None)
    own, name = next(iter(named.items()))
    if tried.expected[own].dtype.kind == "f":
        report.cosine = compare.cosine(tried.expected[own], actual[name])
    answers.measure(report, contract_in_file.read(file), name, tried.expected[own][:tried.num_own],
                    actual[name][:tried.num_own], tried.targets)
    report.seconds = round(time.perf_counter() - start, 3)
    return report


def _details(tensors):
    return {name: {"shape": each.shape, "dtype": np.dtype(each.dtype)}
            for name, each in tensors.items()}


def _report(file, runner):
    """What the compiled file is made of."""
    path, content = pathlib.Path(file), reader.read(file)
    names = [op.name for op in content.ops]
    return Report(
        file=str(path), precision=contract_in_file.read(file).get("precision", "unknown"),
        bytes=path.stat().st_size, sha256=sha256(path), inputs=facts_of(runner.inputs),
        outputs=facts_of(runner.outputs), signatures=[each.name for each in content.signatures],
        ops={name: names.count(name) for name in sorted(set(names))},
        custom_ops=reader.custom_ops(file), flex_ops=[], partitions=len(names),
        max_rank=max(len(tensor.shape) for tensor in content.tensors),
        weight_bytes=content.weight_bytes)
