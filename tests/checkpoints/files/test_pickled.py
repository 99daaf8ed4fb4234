"""States that `torch.save` wrote: tensors only."""

import sys

import pytest

from keras_seqattn.checkpoints.files.arrays import open_arrays
from keras_seqattn.testing import check_error


def test_torch(tmp_path, check_arrays, small_arrays):
    torch = pytest.importorskip("torch")
    state = {key: torch.from_numpy(array) for key, array in small_arrays.items()}
    expected = {key: array.astype("float32") for key, array in small_arrays.items()}
    for wrapped in (state, {"state_dict": state}, {"model": state, "epoch": 3}):
        torch.save(wrapped, tmp_path / "x.pth")
        check_arrays(tmp_path / "x.pth", expected)
    torch.save(torch.nn.Linear(2, 3), tmp_path / "x.pth")  # a module is a program
    check_error(lambda: open_arrays(tmp_path / "x.pth"), file=str(tmp_path / "x.pth"))


def test_torch_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    path = tmp_path / "x.pth"
    path.write_bytes(b"")
    check_error(lambda: open_arrays(path), ImportError, file=str(path))
