"""`keras_seqattn.cli.export`: files and what they were asked to be."""

import json

import keras
import pytest

from keras_seqattn import edge, models
from keras_seqattn.cli import export
from keras_seqattn.data import pairs
from keras_seqattn.edge import smallest_file
from keras_seqattn.edge.contract.content import CONTENTS
from keras_seqattn.edge.contract.contract import beside
from keras_seqattn.edge.precisions import PRECISIONS, WRITER_PRECISIONS

pytestmark = pytest.mark.edge


def test_export_then_verify(folder, seqattn, tmp_path):
    out_file = tmp_path / "small.tflite"
    code, out, _ = seqattn("export", folder, "--out", out_file, "--json")
    report = json.loads(out)
    assert code == 0
    assert report["precision"] == "dynamic_wi8_afp32"
    assert edge.load(out_file).contract["outputs"][0]["labels"] == models.labels(folder)
    code, out, _ = seqattn("verify", out_file, "--against", folder)
    assert code == 0
    assert "yes" in out


@pytest.mark.parametrize("told", ["independent probabilities", "logits=independent probabilities"])
def test_export_is_told_what_an_output_is(folder, seqattn, tmp_path, told):
    out_file = tmp_path / "x.tflite"
    code, out, _ = seqattn("export", folder, "--out", out_file, "--outputs", told)
    assert code == 0
    assert str(tmp_path / "x.tflite.json") in out.replace("\n", "")
    output, = edge.load(out_file).contract["outputs"]
    assert (output["name"], output["content"]) == ("logits", "independent probabilities")


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
    (["--runtime", "old"], "release='old'"),
    (["--runtime", "2.16"], "FULLY_CONNECTED version 12"),
    (["--image-input", "int4"], "image_input='int4'"),
    (["--outputs", "logitz"], "content='logitz'"),
    (["--outputs", "scores=logits"], "name='scores'"),
    (["--precision", "static_wi8_ai8", "--calibration", "sample:nothing"], "name='nothing'"),
    (["--keep-float", "nothing"], "keep_float='nothing'"),
    (["--max-error", "0.1"], "max_error=0.1"),
])
def test_export_with_mistakes(folder, seqattn, tmp_path, arguments, said):
    code, _, err = seqattn("export", folder, "--out", tmp_path / "x.tflite", *arguments)
    assert code == 2
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_a_translator_leaves_with_its_tokenizer_and_beam(translator):
    report = json.loads((translator.folder / "report.json").read_text())
    assert report["signatures"] == ["encode", "decode_step", "greedy", "beam"]
    contract = json.loads(beside(translator.file).read_text())
    assert contract["writer"]["beam_width"] == 3
    assert contract["licence"] == "MIT"
    assert edge.load(translator.file).tokenizer.tokens == translator.tokenizer.tokens
    held = len(pairs.load(translator.data, "test").references())
    assert any(note.startswith(f"of {min(held, 16)} sources, 100.0%") for note in report["notes"])


@pytest.mark.parametrize(("arguments", "said"), [
    (["--attention"], "attention=True"), (["--outputs", "tokens"], "outputs=['tokens']"),
    (["--image-input", "uint8"], "image_input='uint8'"),
    (["--precision", "auto"], "precision='auto'"), (["--beam-width", "99"], "beam_width=99"),
    (["--data", "sample:eurosat"], "source='sample:eurosat'"),
    (["--precision", "static_wi8_ai8"], "precision='static_wi8_ai8'"),
])
def test_export_a_translator_with_mistakes(translator, seqattn, tmp_path, arguments, said):
    code, _, err = seqattn("export", translator.folder, "--out", tmp_path / "x.tflite", *arguments)
    assert code == 2
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_export_keeps_layers_in_float(folder, seqattn, tmp_path):
    sizes = []
    for arguments in ([], ["--keep-float", "logits", "--keep-float", "block_*"],
                      ["--keep-float", "auto", "--max-error", 1e-4]):
        code, out, _ = seqattn("export", folder, "--out", tmp_path / "x.tflite", *arguments,
                               "--json")
        assert code == 0
        sizes.append(json.loads(out)["weight_bytes"])
    assert sizes[0] < sizes[1] <= sizes[2]


def test_export_in_several_sizes(folder, seqattn, tmp_path):
    """A model of pictures of any size, of two sizes and of two batches."""
    image = keras.Input((None, None, 3), name="image")
    found = keras.layers.Conv2D(5, 3, activation="relu")(image)
    model = keras.Model(image, keras.layers.Dense(10)(
        keras.layers.GlobalAveragePooling2D()(found)))
    model.save(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_bytes((folder / "labels.txt").read_bytes())
    out_file = tmp_path / "x.tflite"
    code, out, _ = seqattn(
        "export", tmp_path, "--out", out_file, "--input-shape", "64x64x3", "--input-shape",
        "image=24x16x3", "--batch-size", 3, "--batch-size", 1, "--data", "sample:eurosat", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["signatures"] == [
        "shape_64x64x3_batch_3", "shape_64x64x3_batch_1", "shape_24x16x3_batch_3",
        "shape_24x16x3_batch_1"]
    assert report["accuracy"]["examples"] == 500
    for wrong in ("64,64,3", "64x-1x3"):
        code, _, error = seqattn("export", tmp_path, "--out", out_file, "--input-shape", wrong)
        assert (code, wrong in error) == (2, True)


def test_export_into_an_android_module(folder, seqattn, tmp_path):
    (tmp_path / "build.gradle.kts").touch()
    code, out, _ = seqattn("export", folder, "--android", tmp_path)
    assert code == 0
    models_folder = tmp_path / "src" / "main" / "assets" / "models"
    name = folder.name
    assert {each.name for each in models_folder.iterdir()} == {
        f"{name}.tflite", f"{name}.tflite.json", f"{name}.txt"}
    assert all(str(each) in out.replace("\n", "") for each in models_folder.iterdir())
    labels = (models_folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert labels == edge.load(models_folder / f"{name}.tflite").labels == models.labels(folder)


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "out=None, android=None"),
    (["--out", "x.tflite", "--android", "app"], "out='x.tflite', android='app'"),
    (["--android", "nowhere"], "android='nowhere'"),
])
def test_export_to_one_place(folder, seqattn, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = seqattn("export", folder, *arguments)
    assert code == 2
    assert said in err.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arguments", "said"), [
    (["--max-drop", "1"], "--precision auto"), (["--precision", "auto"], "--data SOURCE"),
    (["--out", "x.tfl"], "x.tflite"), (["--precision", "int8"], "precision='int8'"),
    (["--input-shape", "64,64,3"], "160x160x3"), (["--calibration", "nowhere"], "data='nowhere'")])
def test_what_the_command_line_alone_shows_to_be_wrong(seqattn, monkeypatch, tmp_path, arguments,
                                                       said):
    """Nothing is loaded for these."""
    monkeypatch.setattr(models, "load", lambda name: 1 / 0)
    out = [] if "--out" in arguments else ["--out", tmp_path / "x.tflite"]
    code, _, err = seqattn("export", "vit_eurosat", *out, *arguments)
    assert code == 2
    assert said in err


def test_a_model_of_any_length_needs_the_commands_own_option(seqattn, tmp_path):
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(11, 7)(tokens))
    keras.Model(tokens, keras.layers.Dense(2)(x)).save(tmp_path / "m.keras")
    code, _, err = seqattn("export", tmp_path / "m.keras", "--out", tmp_path / "m.tflite")
    assert code == 2
    assert "--input-shape 128" in err


def test_bad_pictures_are_left_out_of_calibration_too(folder, seqattn, tmp_path):
    from PIL import Image

    for split in ("train", "test"):
        for name in models.labels(folder):
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("RGB", (64, 64), "green").save(tmp_path / split / name / "a.png")
            (tmp_path / split / name / "bad.png").write_bytes(b"no picture")
    arguments = ["export", folder, "--out", tmp_path / "x.tflite", "--precision", "static_wi8_ai8",
                 "--data", f"folder:{tmp_path}"]
    code, _, err = seqattn(*arguments)
    assert code == 2
    assert "--skip-bad" in err
    code, _, err = seqattn(*arguments, "--skip-bad", "--force")
    assert "readable picture" not in err


def test_the_help_knows_the_names_of_the_edge():
    assert tuple(PRECISIONS) == export.PRECISIONS
    assert tuple(WRITER_PRECISIONS) == export.WRITER_PRECISIONS
    assert export.CONTENTS == CONTENTS
