"""What `save` writes is a known format, and is whole or absent."""

import pytest

from keras_seqattn import checkpoints
from keras_seqattn.checkpoints.saving import FORMATS
from keras_seqattn.testing import check_error


def test_formats_that_are_none(tmp_path, small_vit):
    check_error(lambda: checkpoints.save(small_vit(), tmp_path / "x.npz", "npz"), format="npz")
    assert list(FORMATS) == ["safetensors", "npz-google"]


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path, small_vit, monkeypatch):
    def fail(model, path):
        path.write_text("half", encoding="utf-8")
        raise OSError("no space left")

    path = tmp_path / "x.safetensors"
    path.write_text("earlier", encoding="utf-8")
    monkeypatch.setitem(FORMATS, "safetensors", fail)
    with pytest.raises(OSError, match="no space"):
        checkpoints.save(small_vit(), path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_text(encoding="utf-8") == "earlier"
