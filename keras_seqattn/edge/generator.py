"""From a `models.Generator` to one `.tflite` file that encodes, steps, and decodes by itself.

The file has the signatures `encode` (source to state), `decode_step` (token and state to logits and
what changed of the state), `greedy` and `beam` (source to tokens, lengths and scores), which share
their weights, and the tokenizer. All of them compute what `model.start`, `model.step` and
`decoding` compute in Keras, since they are traced from them.
"""

import pathlib
import tempfile

import keras
import numpy as np

from keras_seqattn import decoding
from keras_seqattn.edge.check.judge import judge_errors, judge_size
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.contract import checksum
from keras_seqattn.edge.contract import contract as contracts
from keras_seqattn.edge.float32 import float32_copy
from keras_seqattn.edge.precisions import WRITER_PRECISIONS
from keras_seqattn.edge.run.latency import benchmark, random_inputs
from keras_seqattn.edge.run.writer import Writer
from keras_seqattn.edge.tflite import contract_in_file, op_versions
from keras_seqattn.edge.tflite.converter import process
from keras_seqattn.edge.tflite.facts import tflite_facts
from keras_seqattn.errors import check_count, explain, nearest

VERIFIED = 4
LENGTH_PENALTY = 0.6


def write(model, path, precision, tokenizer, convert, *, inputs=None, beam_width=4, mean=127.5,
          std=127.5, licence=None):
    """Converts a generator; `edge.export` calls it and says what the arguments are.

    Args:
        model: `models.Generator`.
        path: Path of the file to write.
        precision: A key of `precisions.WRITER_PRECISIONS`.
        tokenizer: `data.tokenizer.Tokenizer`.
        convert: Function `(SavedModel, out)` that runs the converter.
        inputs: Sources to verify with.
        beam_width: Width of the signature `beam`.
        mean: Subtracted from 8-bit pixels of an image source.
        std: Divides what remains.
        licence: Text written into the file.

    Returns:
        `Report` and the contract.
    """
    check(model, precision, tokenizer, beam_width)
    model = float32_copy(model)
    with tempfile.TemporaryDirectory() as folder:
        _save(model, beam_width, folder)
        process.give_back()
        convert(folder, path)
    writer = {"source": "tokens" if _source(model).dtype == "int32" else "image",
              "start": model.start_token, "end": model.end_token,
              "vocab_size": model.vocab_size, "beam_width": beam_width,
              "length_penalty": LENGTH_PENALTY, "max_length": model.max_length}
    contract = contracts.describe(
        Writer(path).backend, name=pathlib.Path(path).stem, precision=precision, mean=mean,
        std=std, licence=licence, minimum_runtime=op_versions.minimum(path)) | {"writer": writer}
    for each in (*contract["inputs"], *contract["outputs"]):
        if each["content"] != "image":
            each["content"] = each["name"] if each["name"] in ("tokens", "scores") else "tensor"
    contract_in_file.write(path, contract, tokenizer.to_json())
    return verify(path, model, inputs), contract


def check(model, precision, tokenizer, beam_width):
    """Refuses what cannot become a file that writes."""
    if precision not in WRITER_PRECISIONS:
        raise ValueError(explain("a model that writes sequences leaves in few precisions",
                                 precision=precision, fix=nearest(precision, WRITER_PRECISIONS)))
    if tokenizer is None or tokenizer.vocab_size != model.vocab_size:
        raise ValueError(explain(
            "`tokenizer` must have the vocabulary of the model",
            tokenizer=None if tokenizer is None else tokenizer.vocab_size,
            model=model.vocab_size, fix="pass the tokenizer that the model was trained with"))
    check_count(beam_width=beam_width)
    if beam_width > model.vocab_size:
        raise ValueError(explain("`beam_width` must not exceed the vocabulary",
                                 beam_width=beam_width, vocab_size=model.vocab_size,
                                 fix="pass a smaller one"))


def _source(model):
    """The source as `keras.InputSpec`, for one example of the largest size."""
    tensor = model.input[model.source_name]
    shape = (1, *(model.max_length if size is None else size for size in tensor.shape[1:]))
    return keras.InputSpec(shape=shape, dtype=tensor.dtype, name=model.source_name)


def _save(model, beam_width, folder):
    """Traces the signatures and saves them, as `saved.write` does for one."""
    import tensorflow as tf

    source = _source(model)
    archive = keras.export.ExportArchive()
    archive.track(model)
    state = tf.function(model.start).get_concrete_function(
        tf.TensorSpec(source.shape, source.dtype)).structured_outputs
    kept = {name: keras.InputSpec(shape=tuple(each.shape), dtype=each.dtype.name, name=name)
            for name, each in sorted(state.items())}

    def step(tokens, *values):
        before = dict(zip(kept, values, strict=True))
        logits, after = model.step(tokens, before)
        changed = {name: each for name, each in after.items() if each is not before[name]}
        return {"logits": logits, **changed}

    def decode(method, **options):
        def write_all(sources):
            start = model.start(sources)
            return method(model.step, model.first_tokens(start), start, end=model.end_token,
                          max_length=model.max_length, **options)._asdict()
        return write_all

    tokens = keras.InputSpec(shape=(1,), dtype="int32", name="tokens")
    endpoints = {
        "encode": (model.start, [source]),
        "decode_step": (step, [tokens, *kept.values()]),
        "greedy": (decode(decoding.greedy), [source]),
        "beam": (decode(decoding.beam, width=beam_width, length_penalty=LENGTH_PENALTY,
                        num_best=beam_width), [source])}
    for name, (function, signature) in endpoints.items():
        archive.add_endpoint(name, function, input_signature=signature)
    archive.write_out(folder, verbose=False)


def verify(file, model, inputs=None, threads=2, runs=20):
    """Holds a file that writes against its Keras model.

    `encode` and `decode_step` are led along the model's own sequences and their logits compared;
    `greedy` and `beam` must write the same tokens in float32, in lower precisions the share of
    equal sequences is told.

    Args:
        file: Path of the file.
        model: `models.Generator`.
        inputs: Sources, `(n, …)`. Defaults to a few random ones.
        threads: CPU threads of the latency.
        runs: Timed runs of the latency.

    Returns:
        `Report`; its `top1_agreement` is the share of equal greedy sequences.
    """
    model, runner = float32_copy(model), Writer(file, threads)
    name, = runner.inputs
    inputs = random_inputs(runner, VERIFIED)[name] if inputs is None else runner.padded(inputs)
    facts = tflite_facts(runner, {name: inputs})
    report = Report(
        file=str(file), precision=runner.contract.get("precision", "unknown"),
        bytes=pathlib.Path(file).stat().st_size, sha256=checksum.sha256(file),
        inputs=contracts.facts_of(runner.inputs), outputs=contracts.facts_of(runner.outputs),
        flex_ops=[name for name in facts.custom_ops if name.startswith("Flex")], **vars(facts))
    judge_size(report, model)
    if report.custom_ops:
        return report
    options = {"beam": {"width": runner.contract["writer"]["beam_width"],
                        "length_penalty": runner.contract["writer"]["length_penalty"]}}
    written = {method: model.generate(inputs, method, **options.get(method, {}))
               for method in ("greedy", "beam")}
    first = written["greedy"]
    expected, actual = _logits(model, runner, inputs, first)
    judge_errors(report, "logits", expected, actual)
    report.max_abs_error = max(report.max_abs_errors.values())
    shares = {}
    for method, theirs in written.items():
        ours = runner.run(inputs, method)
        tokens = theirs.tokens if method == "greedy" else theirs.tokens[:, 0]
        equal = (ours.tokens == tokens).all(axis=1)
        shares[method] = float(equal.mean())
        if report.precision == "float32" and not equal.all():
            report.failures.append(
                f"{method} writes other tokens than the model for sources "
                f"{np.flatnonzero(~equal)[:5].tolist()}")
    report.top1_agreement = shares["greedy"]
    report.notes.append(f"of {len(inputs)} sources, {shares['greedy']:.1%} are written alike by "
                        f"greedy decoding and {shares['beam']:.1%} by beam search")
    report.latency = benchmark(file, threads, runs)
    return report


def _logits(model, runner, inputs, written):
    """Logits of the model and the file along the model's own sequences, real positions only."""
    state = model.start(keras.ops.convert_to_tensor(inputs))
    states = [runner.signature("encode", source[None]) for source in inputs]
    tokens = np.full(len(inputs), model.start_token, "int32")
    expected, actual = [], []
    for step in range(int(written.lengths.max())):
        logits, state = model.step(keras.ops.convert_to_tensor(tokens), state)
        logits = keras.ops.convert_to_numpy(logits)
        for row in np.flatnonzero(written.lengths > step):
            given = runner.signature("decode_step", tokens[row:row + 1], **states[row])
            expected.append(logits[row])
            actual.append(given.pop("logits")[0])
            states[row] = {**states[row], **given}
        tokens = written.tokens[:, step].astype("int32")
    return np.stack(expected), np.stack(actual)
