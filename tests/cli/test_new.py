"""`keras_seqattn.cli.new`: a recipe that is read as it is written."""

import pytest

from keras_seqattn import training

pytestmark = pytest.mark.edge


def test_a_recipe_is_written_once(seqattn, tmp_path):
    file = tmp_path / "own.yaml"
    code, out, _ = seqattn("new", tmp_path / "own", "--data", "sample:eurosat")
    assert code == 0
    assert f"seqattn train {file} --dry-run" in out
    recipe = training.read(file)
    assert recipe.data.source == "sample:eurosat"
    file.write_text("mine")
    code, _, err = seqattn("new", tmp_path / "own", "--data", "sample:eurosat")
    assert (code, file.read_text()) == (2, "mine")
    assert "--overwrite" in err
    code, _, _ = seqattn("new", tmp_path / "own", "--data", "sample:eurosat", "--overwrite")
    assert code == 0
    assert training.read(file) == recipe


def test_data_that_are_not_there_write_nothing(seqattn, tmp_path):
    code, _, err = seqattn("new", tmp_path / "own", "--data", f"folder:{tmp_path}/nowhere")
    assert code == 2
    assert "nowhere" in err
    assert list(tmp_path.iterdir()) == []
