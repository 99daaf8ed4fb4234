"""`keras_seqattn.edge.tflite.converter.process`: a module in a process of its own."""

import os

import pytest

from keras_seqattn.edge.tflite.converter import process

pytestmark = pytest.mark.usefixtures("own_process")
SHOW = ("import os, sys\nprint(os.getpid(), os.environ['CUDA_VISIBLE_DEVICES'], sys.argv[1])\n"
        "import keras_seqattn\nprint(keras_seqattn.__file__)\nsys.exit(int(sys.argv[2]))\n")


@pytest.fixture(autouse=True)
def _module(tmp_path, monkeypatch):
    (tmp_path / "shown.py").write_text(SHOW)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_it_is_another_process_without_a_gpu_and_with_this_package(tmp_path):
    import keras_seqattn

    result = process.run("shown", tmp_path, "0")
    pid, devices, path, package = result.stdout.split()
    assert result.returncode == 0, result.stderr
    assert int(pid) != os.getpid()
    assert (devices, path, package) == ("-1", str(tmp_path), keras_seqattn.__file__)


def test_its_end_is_told_and_does_not_end_this_one():
    assert process.run("shown", "x", "7").returncode == 7
    assert "No module named nowhere" in process.run("nowhere").stderr


def test_a_library_that_is_not_installed_is_named(tmp_path):
    (tmp_path / "shown.py").write_text("import nowhere.inside\n")
    with pytest.raises(ModuleNotFoundError, match="No module named 'nowhere'") as error:
        process.run("shown")
    assert error.value.name == "nowhere"


def test_giving_back_can_be_done_anywhere():
    assert process.give_back() is None
