"""`keras_seqattn.models.pretrained`."""

import keras
import numpy as np
import pytest

from keras_seqattn import models
from keras_seqattn.testing import check_error


@pytest.fixture
def run_folder(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    return tmp_path, model


def test_a_run_folder_and_a_file_are_the_same_model(run_folder):
    folder, model = run_folder
    for path in (folder, str(folder), folder / "model.keras"):
        loaded = models.load(path)
        np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
        assert models.labels(path) == ["cat", "dog"]


def test_labels_may_be_missing(run_folder):
    folder, _ = run_folder
    (folder / "labels.txt").unlink()
    assert models.labels(folder) is None


@pytest.mark.parametrize("name", ["vit_nowhere", "nowhere.keras"])
def test_a_model_that_is_not_there(name, tmp_path):
    check_error(lambda: models.load(str(tmp_path / name)), model=str(tmp_path / name))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 torn"])
def test_a_model_that_cannot_be_read(content, tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    check_error(lambda: models.load(path), model=str(path))
