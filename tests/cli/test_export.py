"""`keras_seqattn.cli.export`: files and what they were asked to be."""

import json

import pytest

from keras_seqattn import edge, models
from keras_seqattn.data import pairs
from keras_seqattn.edge import smallest_file

pytestmark = pytest.mark.edge


def test_export_then_verify(folder, seqattn, tmp_path):
    out_file = tmp_path / "small.tflite"
    code, out, _ = seqattn("export", folder, "--out", out_file, "--json")
    report = json.loads(out)
    assert code == 0
    assert report["precision"] == "dynamic_wi8_afp32"
    assert edge.load(out_file).contract["labels"] == models.labels(folder)
    code, out, _ = seqattn("verify", out_file, "--against", folder)
    assert code == 0
    assert "yes" in out


def test_export_chooses_the_smallest_precision_and_shows_the_table(
        folder, seqattn, tmp_path, monkeypatch):
    few = ("dynamic_wi8_afp32", "static_wi8_ai8")
    monkeypatch.setattr(smallest_file, "PRECISIONS", few)
    out_file = tmp_path / "x.tflite"
    code, out, _ = seqattn("export", folder, "--out", out_file, "--precision", "auto",
                           "--max-drop", "100", "--data", "sample:eurosat", "--attention",
                           "--report", tmp_path / "report.json")
    assert code == 0
    assert out.count("chosen") == 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert [row["precision"] for row in report["choice"]] == list(few)
    chosen = next(row for row in report["choice"] if row["chosen"])
    assert chosen["precision"] == report["precision"] == edge.load(out_file).contract["precision"]
    assert chosen["bytes"] == min(row["bytes"] for row in report["choice"])
    assert report["accuracy"]["examples"] == 500  # of the test split, which chose nothing
    assert {each["name"] for each in report["outputs"]} == {"logits", "attention"}


def test_export_takes_pixels_and_calibrates_on_the_data(folder, seqattn, tmp_path):
    code, out, _ = seqattn("export", folder, "--out", tmp_path / "x.tflite", "--precision",
                           "static_wi8_ai8", "--image-input", "uint8", "--data", "sample:eurosat",
                           "--licence", "MIT", "--json")
    assert code == 0
    assert json.loads(out)["inputs"][0]["dtype"] == "uint8"
    assert edge.load(tmp_path / "x.tflite").contract["licence"] == "MIT"
    code, _, _ = seqattn("verify", tmp_path / "x.tflite", "--against", folder, "--data",
                         "sample:eurosat")
    assert code == 0


@pytest.mark.parametrize(("arguments", "said"), [
    (["--precision", "static_wi8_ai8"], "calibration=None"),
    (["--precision", "auto"], "data=None"),
    (["--image-input", "int4"], "image_input='int4'"),
    (["--precision", "static_wi8_ai8", "--calibration", "sample:nothing"], "name='nothing'"),
])
def test_export_with_mistakes(folder, seqattn, tmp_path, arguments, said):
    code, _, err = seqattn("export", folder, "--out", tmp_path / "x.tflite", *arguments)
    assert code == 2
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_a_translator_leaves_with_its_tokenizer_and_beam(translator):
    report = json.loads((translator.folder / "report.json").read_text())
    assert report["signatures"] == ["beam", "decode_step", "encode", "greedy"]
    contract = json.loads(translator.file.with_suffix(".json").read_text())
    assert contract["writer"]["beam_width"] == 3
    assert contract["licence"] == "MIT"
    assert edge.load(translator.file).tokenizer.tokens == translator.tokenizer.tokens
    held = len(pairs.load(translator.data, "test").references())
    assert report["notes"][0].startswith(f"of {min(held, 16)} sources, 100.0%")


@pytest.mark.parametrize(("arguments", "said"), [
    (["--attention"], "attention=True"), (["--image-input", "uint8"], "image_input='uint8'"),
    (["--precision", "auto"], "precision='auto'"), (["--beam-width", "99"], "beam_width=99"),
    (["--data", "sample:eurosat"], "source='sample:eurosat'"),
    (["--precision", "static_wi8_ai8"], "precision='static_wi8_ai8'"),
])
def test_export_a_translator_with_mistakes(translator, seqattn, tmp_path, arguments, said):
    code, _, err = seqattn("export", translator.folder, "--out", tmp_path / "x.tflite", *arguments)
    assert code == 2
    assert said in err
    assert list(tmp_path.iterdir()) == []
