"""`keras_seqattn.cli.classifiers`: a model answers as its file does."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_seqattn import models

pytestmark = [pytest.mark.edge, pytest.mark.filterwarnings("default:a picture stored as L")]


def test_a_run_folder_a_model_and_its_file_say_the_same(folder, seqattn):
    said = []
    for model in (folder, folder / "model.keras", folder / "model.tflite"):
        code, out, _ = seqattn("classify", model, folder / "grey.png", "--top", 10, "--json")
        assert code == 0
        said.append(dict(json.loads(out)[str(folder / "grey.png")]))
    assert set(said[0]) == set(models.labels(folder))
    assert sum(said[0].values()) == pytest.approx(1)
    for each in said[1:]:
        assert each == pytest.approx(said[0], abs=1e-5)


@pytest.mark.parametrize(("activation", "expected"), [
    ("sigmoid", 0.2), ("softmax", 0.2), (None, 0.2)])
def test_what_an_output_is_comes_from_the_graph(seqattn, tmp_path, activation, expected):
    """The output of a grey picture is made to be 0.2, by hand, in each form."""
    images = keras.Input((5, 7, 3), name="images")
    mean = keras.layers.GlobalAveragePooling2D()(images)
    dense = keras.layers.Dense(1 if activation == "sigmoid" else 2, activation=activation,
                               name="output")
    model = keras.Model(images, dense(mean))
    logit = np.log(0.2 / 0.8)
    bias = [logit] if activation == "sigmoid" else [0.0, logit]
    dense.set_weights([np.zeros((3, len(bias))), np.array(bias)])
    model.save(tmp_path / "m.keras")
    (tmp_path / "m.labels.txt").write_text("no\nyes\n")
    Image.new("RGB", (7, 5)).save(tmp_path / "a.png")
    code, out, _ = seqattn("classify", tmp_path / "m.keras", tmp_path / "a.png", "--json")
    assert code == 0
    said = dict(json.loads(out)[str(tmp_path / "a.png")])
    assert said["yes"] == pytest.approx(expected, abs=1e-5)
    assert said["no"] == pytest.approx(1 - expected, abs=1e-5)


def test_a_model_of_any_size_takes_the_pictures_own(seqattn, tmp_path):
    images = keras.Input((None, None, 3), name="images")
    keras.Model(images, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(images))).save(
        tmp_path / "m.keras")
    Image.new("RGB", (11, 5)).save(tmp_path / "a.png")
    code, out, _ = seqattn("classify", tmp_path / "m.keras", tmp_path / "a.png", "--json")
    assert code == 0
    assert len(json.loads(out)[str(tmp_path / "a.png")]) == 2
