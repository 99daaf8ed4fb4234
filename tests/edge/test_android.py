"""`keras_seqattn.edge.android`: where an Android module takes models from."""

import json

import pytest

from keras_seqattn.edge import android
from keras_seqattn.edge.contract.contract import beside
from keras_seqattn.testing import check_error


@pytest.mark.parametrize(("model", "name"), [
    ("vit_eurosat", "vit_eurosat"), ("runs/demo/", "demo"), ("some/model.keras", "model"),
    ("runs/v1.5", "v1.5"),
])
def test_a_model_goes_where_the_app_takes_it_from(tmp_path, model, name):
    (tmp_path / "build.gradle").touch()
    place = android.place(tmp_path, model)
    assert place == tmp_path / "src" / "main" / "assets" / "models" / f"{name}.tflite"
    assert place.parent.is_dir()


def test_a_folder_that_is_no_module_is_refused_and_stays_empty(tmp_path):
    check_error(lambda: android.place(tmp_path, "vit"), android=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_labels_are_those_of_the_answer_and_old_ones_go(tmp_path):
    file = tmp_path / "v1.5.tflite"
    contract = {"outputs": [
        {"name": "a", "shape": [1, 5, 2], "content": "features"},
        {"name": "b", "shape": [1, 2], "content": "logits", "labels": ["thé", "café"]}]}
    beside(file).write_text(json.dumps(contract))
    text = android.write_labels(file)
    assert text == tmp_path / "v1.5.txt"
    assert text.read_bytes().decode() == "thé\ncafé\n"
    del contract["outputs"][1]["labels"]
    beside(file).write_text(json.dumps(contract))
    assert android.write_labels(file) is None
    assert not text.exists()
