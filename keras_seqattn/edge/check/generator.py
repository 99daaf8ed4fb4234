"""Whether a file that writes sequences does what its Keras model does."""

import typing

import numpy as np

from keras_seqattn.data.tokenizer import PAD
from keras_seqattn.edge.check import accelerated
from keras_seqattn.edge.check.judge import judge_errors, judge_size
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.run.latency import random_inputs, time_warm
from keras_seqattn.edge.run.writer import Writer, Written

VERIFIED = 4  # random sources, where none are given
RUNS, PATIENCE = 20, 2.0  # timed runs of the latency, and the seconds after which fewer do


def writes(model: typing.Any) -> bool:
    """Tells whether a model writes sequences, as a `models.Generator` does."""
    return hasattr(model, "start") and hasattr(model, "step")


def verify(writer: Writer, model: typing.Any, inputs: typing.Any = None, threads: int = 2,
           runs: int = RUNS, weight_bytes: int | None = None, on_gpu: bool = False) -> Report:
    """Holds a file that writes against its Keras model.

    The logits of `encode` and `decode_step` are compared along the model's own sequences. In
    float32 `greedy` and `beam` must write the same tokens as the model. In lower precisions the
    report tells the share of equal sequences.

    Args:
        writer: `Writer` of the file.
        model: `models.Generator`.
        inputs: Sources, `(n, …)`. Defaults to a few random ones; those of tokens have several
            lengths.
        threads: CPU threads of the latency.
        runs: Timed runs of the latency; fewer of a file that takes long.
        weight_bytes: As for `check.verify.verify`.
        on_gpu: Whether `encode` and `decode_step` are also run on LiteRT's GPU accelerator.

    Returns:
        `Report`; its `top1_agreement` is the share of equal greedy sequences.
    """
    name, = writer.inputs
    sources = _drawn(writer, name) if inputs is None else writer.padded(inputs)
    report = Report.of(writer, {name: sources})
    judge_size(report, model, weight_bytes)
    if report.custom_ops:
        return report
    beam = {"width": writer.contract["writer"]["beam_width"],
            "length_penalty": writer.contract["writer"]["length_penalty"]}
    expected = {"greedy": model.generate(sources, "greedy"),
                "beam": model.generate(sources, "beam", **beam)}
    judge_errors(report, "logits", *_logits(model, writer, sources, expected["greedy"]))
    report.max_abs_error = max(report.max_abs_errors.values())
    if on_gpu:
        accelerated.judge_writer(report, writer, model, sources)
    tokens = {"greedy": expected["greedy"].tokens, "beam": expected["beam"].tokens[:, 0]}
    shares = {method: _share_of_equal(report, method, writer.run(sources, method), each)
              for method, each in tokens.items()}
    report.top1_agreement = shares["greedy"]
    report.notes.append(f"of {len(sources)} sources, {shares['greedy']:.1%} are written alike by "
                        f"greedy decoding and {shares['beam']:.1%} by beam search")
    report.latency = time_warm(writer, {name: sources[:1]}, threads, runs, PATIENCE)
    return report


def _drawn(writer, name):
    """Random sources; each one of tokens ends behind another position."""
    sources = random_inputs(writer, VERIFIED)[name]
    if sources.ndim == 2:
        for row, real in zip(sources, np.linspace(sources.shape[1], 1, VERIFIED), strict=True):
            row[int(real):] = PAD
    return sources


def _share_of_equal(report: Report, method: str, written: Written, tokens: np.ndarray) -> float:
    """Share of sources that file and model write alike; in float32 it must be all of them."""
    equal = (written.tokens == tokens).all(axis=1)
    if report.precision == "float32" and not equal.all():
        report.failures.append(
            f"{method} writes other tokens than the model for sources "
            f"{np.flatnonzero(~equal)[:5].tolist()}")
    return float(equal.mean())


def _logits(model, writer, sources, written):
    """Logits of the model and the file along the model's own sequences, real positions only."""
    import keras

    state = model.start(keras.ops.convert_to_tensor(sources))
    states = [writer.signature("encode", source[None]) for source in sources]
    tokens = np.full(len(sources), model.start_token, "int32")
    expected, actual = [], []
    for step in range(int(written.lengths.max())):
        logits, state = model.step(keras.ops.convert_to_tensor(tokens), state)
        logits = keras.ops.convert_to_numpy(logits)
        for row in np.flatnonzero(written.lengths > step):
            given = writer.signature("decode_step", tokens[row:row + 1], **states[row])
            expected.append(logits[row])
            actual.append(given.pop("logits")[0])
            states[row] = {**states[row], **given}
        tokens = written.tokens[:, step].astype("int32")
    return np.stack(expected), np.stack(actual)
