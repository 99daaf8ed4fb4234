"""States that `torch.save` wrote: tensors only."""

import argparse
import fractions
import pathlib
import sys

import pytest

from keras_seqattn.checkpoints.files.arrays import open_arrays
from keras_seqattn.checkpoints.weights.state import State
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


def test_trees_beside_each_other(tmp_path, check_arrays, small_arrays):
    """An average is meant before what it is one of, as timm does; nothing of an optimiser is."""
    torch = pytest.importorskip("torch")
    state = {key: torch.from_numpy(array) for key, array in small_arrays.items()}
    zeros = {key: torch.zeros_like(array) for key, array in state.items()}
    optimizer = {"state": {0: {"step": torch.ones(())}}, "param_groups": [{"lr": 0.1}]}
    args = argparse.Namespace(lr=0.1)
    expected = {key: array.astype("float32") for key, array in small_arrays.items()}
    for saved, others in (
            ({"model_state_dict": state, "optimizer_state_dict": optimizer}, ()),
            ({"epoch": 3, "state_dict": zeros, "state_dict_ema": state}, ("state_dict",)),
            ({"model": zeros, "model_ema": state, "args": args}, ("model",)),
            ({"state": {"model": state}, "optimizer": {"exp_avg": zeros}}, ()),
            ({"folder": pathlib.Path("runs"), "state_dict": state}, ())):
        for name in ("x.pth", "epoch=3.ckpt", "x.pth.tar"):
            torch.save(saved, tmp_path / name)
            check_arrays(tmp_path / name, expected)
        assert open_arrays(tmp_path / "x.pth").others == others
    torch.save({"model": zeros, "model_ema": state}, tmp_path / "x.pth")
    assert open_arrays(tmp_path / "x.pth", "model").others == ("model_ema",)
    check_error(lambda: open_arrays(tmp_path / "x.pth", "best"), weights="best",
                trees=["model", "model_ema"])


def test_objects_are_named_in_full(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "x.pth"
    torch.save({"a": torch.ones(2), "args": argparse.Namespace(x=fractions.Fraction(1, 2))}, path)
    check_error(lambda: open_arrays(path), objects=["fractions.Fraction"])


def test_bfloat16_in_memory(tmp_path):
    torch = pytest.importorskip("torch")
    state = torch.nn.Linear(2, 3, dtype=torch.bfloat16).state_dict()
    torch.save(state, tmp_path / "x.pth")
    memory, file = (State(each).take("weight", 3, 2) for each in (state, tmp_path / "x.pth"))
    assert memory.tolist() == file.tolist() == state["weight"].float().tolist()
