"""`keras_seqattn.files`."""

import pytest

from keras_seqattn.files import output_folder, whole
from keras_seqattn.testing import check_error


def test_a_file_appears_whole(tmp_path):
    target = tmp_path / "deep" / "file.txt"
    with whole(target) as path:
        path.write_text("all of it")
        assert path.suffix == ".txt"
        assert not target.exists()
    assert target.read_text() == "all of it"
    assert [entry.name for entry in target.parent.iterdir()] == ["file.txt"]


def test_a_failure_leaves_nothing_and_keeps_the_old_file(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")

    def fail_half_way():
        with whole(target) as path:
            path.write_text("half")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail_half_way()
    assert target.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "taken").write_text("")
    check_error(lambda: output_folder(tmp_path / "taken"), folder=str(tmp_path / "taken"))
    check_error(lambda: output_folder(tmp_path / "taken" / "below"),
                folder=str(tmp_path / "taken" / "below"))


def test_a_file_that_is_a_folder(tmp_path):
    def write():
        with whole(tmp_path) as path:
            path.write_text("")

    check_error(write, file=str(tmp_path))


def test_a_folder_without_the_right_to_write(tmp_path, monkeypatch):
    """A root user may write anywhere, so the system's answer is played."""
    import tempfile

    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    check_error(lambda: output_folder(tmp_path), folder=str(tmp_path), error="Permission denied")
