"""`keras_seqattn.edge.generator`: one file that encodes, steps and decodes."""

import json
import zipfile

import numpy as np
import pytest

from keras_seqattn import edge, models
from keras_seqattn.data.tokenizer import Tokenizer
from keras_seqattn.edge.check import generator
from keras_seqattn.edge.exporter import ExportError
from keras_seqattn.edge.precisions import WRITER_PRECISIONS
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.quantize import rounding
from keras_seqattn.models.encoder_decoder import transformer
from keras_seqattn.models.lstm_translator import seq2seq
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
LENGTH, WIDTH = 7, 3
TOKENIZER = Tokenizer([f"▁w{i}" for i in range(37)])


def drawn(model):
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.4, size=weight.shape))
    return model


@pytest.fixture(scope="module")
def translator():
    return drawn(transformer("nano", TOKENIZER.vocab_size, LENGTH, norm="pre", embed_dim=32))


@pytest.fixture(scope="module")
def files(translator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("generator")
    return {precision: (edge.export(translator, folder / f"{precision}.tflite", precision,
                                    tokenizer=TOKENIZER, beam_width=WIDTH), folder)
            for precision in WRITER_PRECISIONS}


def sources(count=11):
    rng = np.random.default_rng(5)
    array = rng.integers(4, TOKENIZER.vocab_size, (count, LENGTH)).astype("int32")
    array[::2, 4:] = [2, 0, 0]
    return array


def test_float32_writes_what_keras_writes(translator, files):
    report, _ = files["float32"]
    runner = edge.load(report.file)
    greedy, beam = translator.generate(sources()), translator.generate(
        sources(), "beam", width=WIDTH)
    np.testing.assert_array_equal(runner.run(sources()).tokens, greedy.tokens)
    np.testing.assert_allclose(runner.run(sources()).scores, greedy.scores, rtol=1e-4)
    np.testing.assert_array_equal(runner.run(sources(), beam=WIDTH).tokens, beam.tokens[:, 0])
    assert len({tuple(row) for row in greedy.tokens}) > 1  # the source matters
    assert report.top1_agreement == 1.0
    assert report.failures == []


def test_state_is_explicit(translator, files):
    """`encode`, then `decode_step` led by hand, without anything kept in the file."""
    runner = edge.load(files["float32"][0].file)
    source = sources(1)
    state, token, written = runner.signature("encode", source), np.array([1], "int32"), []
    for _ in range(LENGTH):
        given = runner.signature("decode_step", token, **state)
        token = given.pop("logits").argmax(-1).astype("int32")
        state |= given
        written.append(int(token[0]))
        if written[-1] == 2:
            break
    expected = translator.generate(source).tokens[0]
    assert written == list(expected[:len(written)])
    assert "memory_key_0" not in given  # what a step does not change it does not give


def test_signatures_share_their_weights(translator, files):
    report, _ = files["float32"]
    assert report.signatures == ["encode", "decode_step", "greedy", "beam"]
    own = 4 * translator.count_params()
    assert own <= report.weight_bytes < 1.5 * own


def test_8_bits_hold_weights_and_embeddings_in_loops_too(translator, files):
    """Every matrix of the model, in whichever graph, is int8; logits stay near."""
    report, _ = files["dynamic_wi8_afp32"]
    shapes = {tuple(sorted(weight.shape)) for weight in translator.weights
              if len(weight.shape) == 2 and min(weight.shape) > 2}
    wide = [tensor for tensor in reader.read(report.file).tensors
            if tensor.is_constant and tensor.dtype == "float32"
            and tuple(sorted(tensor.shape)) in shapes - {(LENGTH, 32)}]
    assert wide == []
    assert report.weight_bytes < 0.45 * files["float32"][0].weight_bytes
    assert report.max_abs_errors["logits"] > 0
    assert report.failures == []


def test_weights_on_their_grid_lose_nothing_where_only_they_are_integers(translator, files):
    """Each row's largest is 127 steps, so the file holds the very weights of the model."""
    model = transformer("nano", TOKENIZER.vocab_size, LENGTH, norm="pre", embed_dim=32)
    model.set_weights(translator.get_weights())
    rounding.round_weights(model)
    runner = edge.load(edge.export(
        model, files["float32"][1] / "rounded.tflite", "weight_only_wi8_afp32",
        tokenizer=TOKENIZER, beam_width=2).file)
    np.testing.assert_allclose(runner.run(sources()).scores, model.generate(sources()).scores,
                               rtol=1e-5)
    assert np.abs(np.asarray(model.weights[0]) - np.asarray(translator.weights[0])).max() > 0


def test_the_file_says_how_it_writes(files):
    report, folder = files["float32"]
    contract = json.loads((folder / "float32.tflite.json").read_text())
    assert contract["writer"] == {
        "source": "tokens", "start": 1, "end": 2, "vocab_size": TOKENIZER.vocab_size,
        "beam_width": WIDTH, "length_penalty": 0.6, "max_length": LENGTH}
    with zipfile.ZipFile(report.file) as archive:
        stored = Tokenizer.from_json(archive.read("tokenizer.json").decode())
    assert stored.tokens == TOKENIZER.tokens


def test_builtin_ops_of_rank_4_without_transpose_flags(files):
    for report, _ in files.values():
        assert not report.flex_ops
        assert not report.custom_ops
        assert report.max_rank <= 4
        assert not any(op.transposed for op in reader.read(report.file).ops)


def test_tokens_per_second_are_told(files):
    result = edge.benchmark(files["float32"][0].file, runs=3)
    assert result["tokens_per_s"] > 0


def test_a_recurrent_model_leaves_too(tmp_path):
    model = drawn(seq2seq(TOKENIZER.vocab_size, LENGTH, embed_dim=11, units=13))
    report = edge.export(model, tmp_path / "lstm.tflite", "float32", tokenizer=TOKENIZER,
                         beam_width=2, inputs=sources(3))
    assert report.top1_agreement == 1.0
    assert {each["name"] for each in report.outputs} == {"tokens", "lengths", "scores"}


def test_each_of_several_end_tokens_ends_a_text(tmp_path):
    """The loops in the file stop at each of them, and no text shows one."""
    encoder = models.vit("nano", 4, (8, 12, 3), 0, num_layers=1, num_heads=2, embed_dim=8,
                         mlp_dim=11, pooling="none")
    ends = (2, *range(20, TOKENIZER.vocab_size))
    model = drawn(models.vision_text(encoder, TOKENIZER.vocab_size, LENGTH, 1, 2, 8,
                                     end_token=ends))
    report = edge.export(model, tmp_path / "x.tflite", "float32", tokenizer=TOKENIZER,
                         beam_width=WIDTH)
    assert report.top1_agreement == 1.0
    runner = edge.load(report.file)
    assert runner.contract["writer"]["end"] == runner.end_token == list(ends)
    images = np.random.default_rng(3).uniform(-1, 1, (13, 8, 12, 3)).astype("float32")
    for beam in (1, WIDTH):
        written = runner.run(images, beam=beam)
        np.testing.assert_array_equal(written.tokens, model.write(images, beam))
        last = {int(row[length - 1]) for row, length in zip(
            written.tokens, written.lengths, strict=True) if length < LENGTH}
        assert last - {2}
        assert last <= set(ends)
    texts = [runner.tokenizer.decode(row, runner.end_token) for row in written.tokens]
    assert not any(TOKENIZER.tokens[end].strip("▁") in text.split() for text in texts
                   for end in ends)


@pytest.mark.parametrize(("options", "received"), [
    ({"tokenizer": None}, {"tokenizer": None}),
    ({"tokenizer": Tokenizer(["a"])}, {"tokenizer": 5, "model": TOKENIZER.vocab_size}),
    ({"beam_width": 0}, {"beam_width": 0}), ({"beam_width": 99}, {"beam_width": 99}),
    ({"precision": "static_wi8_ai8"}, {"precision": "static_wi8_ai8"})])
def test_bad_settings(translator, tmp_path, options, received):
    check_error(lambda: edge.export(translator, tmp_path / "x.tflite", **{
        "precision": "float32", "tokenizer": TOKENIZER, **options}), **received)
    assert list(tmp_path.iterdir()) == []


def test_onnx_is_refused(translator, tmp_path):
    check_error(lambda: edge.export(translator, tmp_path / "x.onnx", "float32",
                                    tokenizer=TOKENIZER), suffix=".onnx")


def test_a_failing_file_is_not_left(translator, tmp_path, monkeypatch):
    monkeypatch.setattr(generator, "judge_errors",
                        lambda report, *_: (report.failures.append("wrong"),
                                            report.max_abs_errors.update(logits=1.0)))
    with pytest.raises(ExportError, match="wrong"):
        edge.export(translator, tmp_path / "x.tflite", "float32", tokenizer=TOKENIZER)
    assert list(tmp_path.iterdir()) == []
