"""`keras_seqattn.cli`: results, exit codes and one line for a mistake."""

import json

import keras
import numpy as np
import pytest

from keras_seqattn import cli, data, edge, models

pytestmark = pytest.mark.edge


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run folder with a model of the EuroSAT sample's shape, its export and a picture."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("cli")
    model = models.vit("nano", 16, (64, 64, 3), 10, num_layers=1, embed_dim=32, num_heads=2,
                       mlp_dim=48, pooling="mean")
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(scale=0.2, size=w.shape) for w in model.weights])
    model.save(folder / "model.keras")
    labels = data.load("sample:eurosat", "test").classes
    (folder / "labels.txt").write_text("\n".join(labels))
    edge.export(model, folder / "model.tflite", "float32", labels=labels)
    Image.fromarray(rng.integers(0, 256, size=(64, 64), dtype="uint8")).save(folder / "grey.png")
    return folder


def _run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return stop.value.code, *capsys.readouterr()


def test_evaluate_both_ways_gives_the_same_accuracy(folder, capsys, tmp_path):
    accuracies = []
    for model in (folder, folder / "model.tflite"):
        code, out, _ = _run(capsys, "evaluate", model, "--data", "sample:eurosat", "--json",
                            "--report", tmp_path / "report.json")
        assert code == 0
        assert json.loads(out) == json.loads((tmp_path / "report.json").read_text())
        assert json.loads(out)["examples"] == 500
        accuracies.append(json.loads(out)["accuracy"])
    assert accuracies[0] == accuracies[1] > 0


def test_classes_of_another_data_set_are_refused(folder, capsys, tmp_path):
    from PIL import Image

    for name in ("cat", "dog"):
        (tmp_path / "test" / name).mkdir(parents=True)
        Image.new("RGB", (64, 64)).save(tmp_path / "test" / name / "picture.png")
    for command in (["evaluate", folder], ["evaluate", folder / "model.tflite"],
                    ["export", folder, "--out", tmp_path / "x.tflite"],
                    ["verify", folder / "model.tflite", "--against", folder]):
        code, _, err = _run(capsys, *command, "--data", f"folder:{tmp_path}")
        assert code == 2
        assert "source_classes=['cat', 'dog']" in err


def test_export_then_verify(folder, capsys, tmp_path):
    out_file = tmp_path / "small.tflite"
    code, out, _ = _run(capsys, "export", folder, "--out", out_file, "--json")
    report = json.loads(out)
    assert code == 0
    assert report["precision"] == "dynamic_wi8_afp32"
    assert edge.load(out_file).contract["labels"] == models.labels(folder)
    code, out, _ = _run(capsys, "verify", out_file, "--against", folder)
    assert code == 0
    assert "yes" in out


def test_verify_exits_with_1_when_it_does_not_hold(folder, capsys, tmp_path):
    model = models.load(folder)
    weights = model.get_weights()
    weights[-1] = weights[-1] + np.arange(10)
    model.set_weights(weights)
    model.save(tmp_path / "other.keras")
    code, out, err = _run(capsys, "verify", folder / "model.tflite", "--against",
                          tmp_path / "other.keras", "--data", "sample:eurosat", "--json")
    assert code == 1
    assert json.loads(out)["failures"]
    assert "largest error" in err


def test_benchmark_many(folder, capsys):
    code, out, _ = _run(capsys, "benchmark", folder / "model.tflite", "--runs", 3, "--threads", 1,
                        "--json")
    assert code == 0
    assert json.loads(out)[str(folder / "model.tflite")]["runs"] == 3


@pytest.mark.filterwarnings("default")
def test_classify_says_that_it_converted(folder, capsys):
    code, out, err = _run(capsys, "classify", folder / "model.tflite", folder / "grey.png",
                          "--top", 2, "--json")
    assert code == 0
    ranked = json.loads(out)[str(folder / "grey.png")]
    assert len(ranked) == 2
    assert ranked[0][1] >= ranked[1][1]
    assert "note: a picture stored as L was converted to 8-bit RGB" in err


def test_train_writes_a_run(capsys, tmp_path):
    code, out, _ = _run(
        capsys, "train", "demo", "train.epochs=1", "model.num_layers=1", "model.embed_dim=16",
        "model.mlp_dim=16", "model.patch_size=32", "--out", tmp_path / "run", "--json")
    assert code == 0
    assert json.loads(out)["epochs"] == 1
    assert models.load(tmp_path / "run").output_shape == (None, 10)


def test_doctor_exits_with_1_when_it_finds_something(capsys, tmp_path):
    small = ("demo", "model.num_layers=1", "model.patch_size=32", "--replicas", 2)
    code, out, _ = _run(capsys, "doctor", *small, "--strategy", "tpu", "--json")
    assert code == 0
    assert json.loads(out)["findings"] == []
    code, out, _ = _run(capsys, "doctor", *small, "train.batch_size=33",
                        "--report", tmp_path / "report.json")
    assert code == 1
    assert "to fix: use train.batch_size=32" in out
    finding, = json.loads((tmp_path / "report.json").read_text())["findings"]
    assert finding["severity"] == "error"


@pytest.mark.parametrize("arguments", [
    ["doctor", "demo", "--strategy", "mirrored"],
    ["doctor", "demo", "--replicas", "0"],
    ["train", "nowhere.yaml"],
    ["train", "demo", "train.epoch=3"],
    ["train", "demo", "--nonsense"],
    ["nonsense"],
    ["evaluate", "nowhere", "--data", "sample:eurosat"],
    ["evaluate", "{folder}", "--data", "smaple:eurosat"],
    ["evaluate", "{folder}", "--data", "sample:eurosat", "--split", "valid"],
    ["evaluate", "{folder}/nowhere.tflite", "--data", "sample:eurosat"],
    ["export", "{folder}", "--out", "{folder}/x.tflite", "--precision", "int7"],
    ["export", "{folder}", "--out", "{folder}/labels.txt/x.tflite"],
    ["verify", "{folder}/labels.txt", "--against", "{folder}"],
    ["benchmark", "{folder}/model.tflite", "--runs", "0"],
    ["benchmark", "{folder}/labels.txt"],
    ["classify", "{folder}/model.tflite", "{folder}/labels.txt"],
    ["classify", "{folder}/model.keras", "{folder}/grey.png"],
    ["demo", "--out", "{folder}/labels.txt"],
])
def test_a_mistake_is_one_line_and_exit_code_2(folder, capsys, arguments):
    before = sorted(folder.iterdir())
    code, out, err = _run(capsys, *(each.format(folder=folder) for each in arguments))
    assert code == 2
    mistakes = [line for line in err.splitlines() if line.startswith("seqattn: ")]
    assert len(mistakes) == 1
    assert "Traceback" not in out + err
    assert sorted(folder.iterdir()) == before


def test_debug_shows_the_traceback(folder):
    with pytest.raises(ValueError, match="To fix"):
        cli.main(["--debug", "classify", str(folder / "labels.txt"), "x.png"])
    with pytest.raises(ValueError, match="To fix"):
        cli.main(["classify", str(folder / "labels.txt"), "x.png", "--debug"])


def test_a_bug_is_no_mistake_of_the_user(monkeypatch, folder):
    monkeypatch.setattr(edge, "load", lambda file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["classify", str(folder / "model.tflite"), "x.png"])


def test_without_a_command_there_is_help(capsys):
    code, out, err = _run(capsys)
    assert (code, err) == (2, "")
    assert "classify" in out


@pytest.mark.parametrize("command", [
    "demo", "train", "doctor", "evaluate", "export", "verify", "benchmark", "classify"])
def test_every_command_has_help_with_an_example(capsys, command):
    code, out, _ = _run(capsys, command, "--help")
    assert code == 0
    assert f"seqattn {command}" in out.replace("\n", " ")


def test_keras_model_without_image_input(capsys, tmp_path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "m.keras")
    code, _, err = _run(capsys, "evaluate", tmp_path / "m.keras", "--data", "sample:eurosat")
    assert code == 2
    assert "image" in err


def test_export_chooses_the_smallest_precision_and_shows_the_table(folder, capsys, tmp_path):
    out_file = tmp_path / "x.tflite"
    code, out, _ = _run(capsys, "export", folder, "--out", out_file, "--precision", "auto",
                        "--max-drop", "100", "--data", "sample:eurosat", "--attention",
                        "--report", tmp_path / "report.json")
    assert code == 0
    assert out.count("chosen") == 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert [row["precision"] for row in report["choice"]] == list(edge.PRECISIONS)
    chosen = next(row for row in report["choice"] if row["chosen"])
    assert chosen["precision"] == report["precision"] == edge.load(out_file).contract["precision"]
    assert chosen["bytes"] == min(row["bytes"] for row in report["choice"])
    assert report["accuracy"]["examples"] == 500  # of the test split, which chose nothing
    assert {each["name"] for each in report["outputs"]} == {"logits", "attention"}


def test_export_takes_pixels_and_calibrates_on_the_data(folder, capsys, tmp_path):
    code, out, _ = _run(capsys, "export", folder, "--out", tmp_path / "x.tflite", "--precision",
                        "static_wi8_ai8", "--image-input", "uint8", "--data", "sample:eurosat",
                        "--licence", "MIT", "--json")
    assert code == 0
    assert json.loads(out)["inputs"][0]["dtype"] == "uint8"
    assert edge.load(tmp_path / "x.tflite").contract["licence"] == "MIT"
    code, _, _ = _run(capsys, "verify", tmp_path / "x.tflite", "--against", folder, "--data",
                      "sample:eurosat")
    assert code == 0


@pytest.mark.parametrize(("arguments", "said"), [
    (["--precision", "static_wi8_ai8"], "calibration=None"),
    (["--precision", "auto"], "data=None"),
    (["--image-input", "int4"], "image_input='int4'"),
    (["--precision", "static_wi8_ai8", "--calibration", "sample:nothing"], "name='nothing'"),
])
def test_export_with_mistakes(folder, capsys, tmp_path, arguments, said):
    code, _, err = _run(capsys, "export", folder, "--out", tmp_path / "x.tflite", *arguments)
    assert code == 2
    assert said in err
    assert list(tmp_path.iterdir()) == []
