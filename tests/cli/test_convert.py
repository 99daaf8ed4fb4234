"""The command `convert`, and what it makes on its way to a device."""

import json

import keras
import numpy as np
import pytest
from tolerances import FLOAT32

from keras_seqattn import checkpoints, edge, layers, models
from keras_seqattn.cli import convert
from keras_seqattn.layers.grid import INTERPOLATIONS


@pytest.fixture
def npz(tmp_path):
    model = models.vit("nano", 4, (8, 12, 3), 5, num_layers=1, num_heads=2, embed_dim=6,
                       mlp_dim=7, activation=layers.gelu_tanh)
    checkpoints.save(model, tmp_path / "x.npz", "npz-google")
    return tmp_path / "x.npz"


def test_convert_resizes_and_reports(npz, seqattn, tmp_path):
    (tmp_path / "config.json").write_text(
        '{"image_size": [8, 12], "id2label": {"1": "dog", "0": "cat"}}', encoding="utf-8")
    code, out, _ = seqattn("convert", npz, tmp_path / "out" / "model.keras", "--image-size",
                           "12x16", "--json", "--report", tmp_path / "report.json")
    told = json.loads(out)
    assert code == 0
    assert told == json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert told["source"] == "google"
    assert told["reshaped"] == {
        "Transformer/posembed_input/pos_embedding": [[1, 7, 6], [1, 13, 6]]}
    model = models.load(tmp_path / "out" / "model.keras")
    assert model.input_shape == (None, 12, 16, 3)
    assert model.count_params() == told["parameters"]
    assert models.labels(tmp_path / "out" / "model.keras") == ["cat", "dog"]


def test_convert_there_and_back(npz, seqattn, tmp_path):
    for source, target in (("x.npz", "y.safetensors"), ("y.safetensors", "z.keras"),
                           ("z.keras", "w.npz")):
        size = ["--image-size", "8x12"] if source == "x.npz" else []
        code, out, _ = seqattn("convert", tmp_path / source, tmp_path / target, *size)
        assert code == 0
        assert "parameters" in out
    with np.load(npz) as one, np.load(tmp_path / "w.npz") as other:
        assert all(np.array_equal(one[key], other[key]) for key in one.files)


def test_of_several_weights_one_is_chosen(npz, seqattn, tmp_path):
    """A training wrote the last weights beside their average; the average is what is meant."""
    with np.load(npz) as file:
        arrays = {f"{tree}/{key}": file[key] * scale for key in file.files
                  for tree, scale in (("model", 1.0), ("model_ema", 2.0))}
    np.savez(tmp_path / "both.npz", **arrays)
    biases = {}
    for name, options in (("default", []), ("last", ["--weights", "model"]),
                          ("average", ["--weights", "ema"])):
        code, out, _ = seqattn("convert", tmp_path / "both.npz", tmp_path / f"{name}.keras",
                               "--image-size", "8x12", *options, "--json")
        assert code == 0
        assert len(json.loads(out)["others"]) == 1
        model = models.load(tmp_path / f"{name}.keras")
        biases[name] = keras.ops.convert_to_numpy(model.get_layer("norm").gamma)
    np.testing.assert_array_equal(biases["average"], 2 * biases["last"])
    np.testing.assert_array_equal(biases["default"], biases["average"])
    code, _, err = seqattn("convert", tmp_path / "both.npz", tmp_path / "x.keras", "--weights",
                           "emma")
    assert code == 2
    assert "weights='emma'" in err.replace("\n", " ")


def test_names_are_known_before_keras_is_loaded():
    assert set(convert.PROJECTS) == set(checkpoints.SOURCES)
    assert set(convert.INTERPOLATIONS) == set(INTERPOLATIONS)


@pytest.mark.parametrize(("arguments", "said"), [
    (["x.npz", "y.h5"], "y.h5"), (["none.npz", "y.keras"], "none.npz"),
    (["x.npz", "y.keras", "--image-size", "8xx"], "image_size='8xx'"),
    (["x.npz", "y.keras", "--source", "tim"], "source='tim'"),
    (["x.npz", "y.keras", "--image-size", "8x12", "--num-heads", "3"], "num_heads=3"),
    (["x.keras", "y.npz", "--num-heads", "3"], "num_heads=3")])
def test_convert_with_mistakes(npz, seqattn, tmp_path, arguments, said):
    files = [tmp_path / name for name in arguments[:2]]
    (tmp_path / "x.keras").touch()
    code, out, err = seqattn("convert", *files, *arguments[2:])
    assert (code, out) == (2, "")
    assert said in err.replace("\n", "")
    assert not files[1].exists()


@pytest.mark.edge
def test_a_converted_model_leaves_for_a_device(goldens, seqattn, tmp_path):
    folder = goldens / "hf_vit" / "eps1e-6"
    assert seqattn("convert", folder, tmp_path / "model.keras")[0] == 0
    with np.load(folder / "io.npz", allow_pickle=False) as io:
        images, logits = io["pixel_values"].transpose(0, 2, 3, 1), io["logits"]
    model = keras.saving.load_model(tmp_path / "model.keras")
    for precision, tolerance in (("float32", FLOAT32), ("dynamic_wi8_afp32", 0.2)):
        out = tmp_path / f"{precision}.tflite"
        edge.export(model, out, precision, labels=models.labels(tmp_path / "model.keras"))
        run = edge.load(out)
        assert run.contract["outputs"][0]["labels"] == ["cat", "dog", "horse", "owl", "newt"]
        ours = run(images)
        np.testing.assert_allclose(ours, logits, atol=tolerance * np.abs(logits).max(), rtol=0)
        np.testing.assert_array_equal(ours.argmax(1), logits.argmax(1))
