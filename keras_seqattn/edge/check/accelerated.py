"""Whether LiteRT's GPU accelerator takes a file whole, and computes what the Keras model does."""

import dataclasses
import functools
import os
import typing

import numpy as np

from keras_seqattn.edge import formats
from keras_seqattn.edge.check import compare
from keras_seqattn.edge.check.judge import judge_output
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.run import accelerators, gpu
from keras_seqattn.edge.run.runner import Runner
from keras_seqattn.edge.run.writer import Writer
from keras_seqattn.edge.tflite import processors, reader
from keras_seqattn.errors import explain

PROCESSORS = (processors.CPU, processors.GPU, processors.NPU)
STEPS = 5       # of each sequence that are run on the accelerator
RUNS = 64       # examples at most, since SwiftShader is no card
SHOWN = 5       # reasons in a sentence
Arrays: typing.TypeAlias = dict[str, np.ndarray]


def check(on: str, file: os.PathLike | str) -> None:
    """Refuses a processor that is not known, or that the machine cannot show.

    Args:
        on: One of `PROCESSORS`.
        file: Path of the file.

    Raises:
        ValueError: an unknown processor, a file of another format, or no Vulkan driver.
    """
    if on not in PROCESSORS:
        raise ValueError(explain("`on` must be a processor that files are run on", on=on,
                                 fix=f"use one of {', '.join(map(repr, PROCESSORS))}"))
    if on == processors.GPU:
        if formats.of(file).suffix != ".tflite":
            raise ValueError(explain("the GPU's accelerator takes .tflite files", file=str(file),
                                     fix="export to a .tflite file"))
        accelerators.driver()


def judge(report: Report, runner: Runner, name: str, runs: Arrays, expected: Arrays,
          actual: Arrays) -> None:
    """Runs a signature on the accelerator, and compares as `judge_output` does.

    A file whose contract does not name the GPU is not run there. Neither is one that would end the
    process of the accelerator.

    Args:
        report: `Report`; its `gpu` and its failures grow.
        runner: `Runner` of the file.
        name: Name of the signature; empty for the only one.
        runs: The inputs of `n` runs, array `(n, …)` by input name. The first `RUNS` are taken.
        expected: What the model gives, `(n, …)`, by the file's names.
        actual: What the file gives on the CPU.
    """
    file = reader.read(runner.file)
    signature = next(each for each in file.signatures if name in ("", each.name))
    facts = report.gpu = report.gpu or {"device": None, "whole": {}, "refused": {}, "errors": {}}
    reasons = _reasons(runner.contract, file, signature)
    runs, expected, actual = ({each: array[:RUNS] for each, array in arrays.items()}
                              for arrays in (runs, expected, actual))
    count = len(next(iter(expected.values())))
    if not reasons:
        ran = gpu.run(runner.file, signature.name, {
            each: np.asarray(array[:count], signature.inputs[each].dtype)
            for each, array in runs.items()}, accelerators.driver())
        facts["device"], reasons = ran.device, ran.refused
    facts["whole"][signature.name], facts["refused"][signature.name] = not reasons, reasons
    if reasons:
        report.failures.append(f"the GPU does not take {signature.name} whole: {_listed(reasons)}")
        return
    made = {each: ran.outputs[each].reshape(wanted.shape) for each, wanted in expected.items()}
    errors = _compare(report, f"{name}/" if name else "", expected, actual, made)
    facts["errors"] |= errors
    shown = ", ".join(
        f"{each} {of['gpu']:.2g} (CPU {of['cpu']:.2g})" for each, of in errors.items())
    report.notes.append(f"{ran.device} takes {signature.name} whole; errors as shares of the "
                        f"output: {shown or 'none'}")


def _reasons(contract, file, signature):
    """Why a signature is not given to the accelerator at all."""
    said = contract.get("processors")
    known = processors.refused(file, signature)
    if said is None or signature.name in said.get(processors.GPU, ()):
        return known
    return known or ["the contract does not name it"]


def _listed(reasons):
    return "; ".join(reasons[:SHOWN]) + ("; …" if len(reasons) > SHOWN else "")


def _compare(report, prefix, expected, actual, made):
    """Judges the GPU's outputs; returns what those of floats are off by, beside the CPU's."""
    errors = {}
    own = dataclasses.replace(report, max_abs_errors={}, equal={}, failures=[], notes=[])
    for each, wanted in expected.items():
        no_ties = functools.partial(np.zeros, wanted.shape, "bool")
        judge_output(own, prefix + each, wanted, made[each], no_ties)
        if wanted.dtype.kind == "f":
            scale = compare.root_mean_square(wanted) or 1.0
            errors[prefix + each] = {
                where: compare.root_mean_square(wanted - array[each]) / scale
                for where, array in (("gpu", made), ("cpu", actual))}
    infinite = [prefix + each for each, array in made.items() if not np.isfinite(array).all()]
    own.failures += [f"an output is not finite: {', '.join(infinite)}"] if infinite else []
    report.failures += [f"on the GPU {text}" for text in own.failures]
    return errors


def judge_writer(report: Report, writer: Writer, model: typing.Any, sources: np.ndarray) -> None:
    """Runs what a file does for a source, and for a token, on the accelerator.

    Each step begins with the model's own state, so that no error of the step before is in it.

    Args:
        report: `Report` that grows.
        writer: `Writer` of the file.
        model: `models.Generator`.
        sources: `(n, …)`.
    """
    import keras

    name, = writer.inputs
    tokens = model.generate(sources, "greedy").tokens
    runs: dict[str, list[tuple[Arrays, Arrays]]] = {"encode": [], "decode_step": []}
    for source, written in zip(sources, tokens, strict=True):
        state = model.start(keras.ops.convert_to_tensor(source[None]))
        runs["encode"].append(({name: source[None]}, _plain(state)))
        for token in (model.start_token, *written[:STEPS - 1]):
            before = np.array([token], "int32")
            logits, after = model.step(keras.ops.convert_to_tensor(before), state)
            runs["decode_step"].append((
                {"tokens": before, **_plain(state)}, {"logits": logits, **_plain(after)}))
            state = after
    for signature, each in runs.items():
        actual = [writer.signature(signature, **given) for given, _ in each]
        judge(report, writer, signature, _stacked([given for given, _ in each]),
              _stacked([{key: wanted[key] for key in actual[0]} for _, wanted in each]),
              _stacked(actual))


def _plain(state):
    """A state of the model as arrays."""
    import keras

    return {name: keras.ops.convert_to_numpy(each) for name, each in state.items()}


def _stacked(rows):
    return {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}
