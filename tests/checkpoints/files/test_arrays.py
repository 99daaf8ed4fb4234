"""Files of weights: what each kind holds, and files that nobody should trust."""

import json
import struct
import zipfile

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_seqattn.checkpoints.files.arrays import open_arrays
from keras_seqattn.testing import check_error

ARRAYS = {"a/b": np.arange(6, dtype="float32").reshape(2, 3), "c": np.ones(5, "float16")}


def _check_same(path, expected=ARRAYS):
    arrays, _ = open_arrays(path)
    assert {key: array.shape for key, array in arrays.items()} == {
        key: array.shape for key, array in expected.items()}
    for key, array in expected.items():
        read = np.asarray(arrays[key])
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    save(tmp_path / "x.npz", **ARRAYS)
    _check_same(tmp_path / "x.npz")


def test_safetensors_with_bfloat16(tmp_path):
    arrays = {**ARRAYS, "d": np.full((3,), 1.5, ml_dtypes.bfloat16)}
    save_file(arrays, tmp_path / "model.safetensors", metadata={"written": "here"})
    _check_same(tmp_path / "model.safetensors", arrays)
    _check_same(tmp_path, arrays)
    assert open_arrays(tmp_path)[1] == {"written": "here"}


def test_torch(tmp_path):
    torch = pytest.importorskip("torch")
    state = {key: torch.from_numpy(array) for key, array in ARRAYS.items()}
    expected = {key: array.astype("float32") for key, array in ARRAYS.items()}
    for wrapped in (state, {"state_dict": state}, {"model": state, "epoch": 3}):
        torch.save(wrapped, tmp_path / "x.pth")
        _check_same(tmp_path / "x.pth", expected)
    torch.save(torch.nn.Linear(2, 3), tmp_path / "x.pth")  # a module is a program
    check_error(lambda: open_arrays(tmp_path / "x.pth"), file=str(tmp_path / "x.pth"))


def test_torch_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    path = tmp_path / "x.pth"
    path.write_bytes(b"")
    check_error(lambda: open_arrays(path), ImportError, file=str(path))


def _parts(folder, places):
    for number, key in enumerate(ARRAYS):
        save_file({key: ARRAYS[key]}, folder / f"part-{number}.safetensors")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": places}), encoding="utf-8")


def test_parts(tmp_path):
    _parts(tmp_path, {"a/b": "part-0.safetensors", "c": "part-1.safetensors"})
    _check_same(tmp_path)


@pytest.mark.parametrize("place", ["../part-0.safetensors", "/tmp/x.safetensors", "..", 7])  # noqa: S108
def test_parts_that_lie_elsewhere(tmp_path, place):
    _parts(tmp_path, {"a/b": place})
    if isinstance(place, int):
        check_error(lambda: open_arrays(tmp_path), part=place)
    else:
        check_error(lambda: open_arrays(tmp_path), part=place)


def test_parts_that_are_incomplete(tmp_path):
    _parts(tmp_path, {"a/b": "part-0.safetensors", "c": "part-0.safetensors"})
    check_error(lambda: open_arrays(tmp_path), keys=["c"], number=1)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text("[]", encoding="utf-8")
    check_error(lambda: open_arrays(tmp_path), file=str(index))


def _header(header, body=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize("content", [
    b"", b"1234567", b"not a file of weights", struct.pack("<Q", 2 ** 62) + b"{}",
    struct.pack("<Q", 100) + b"{}",
    _header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"1234"),
    _header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, b"1" * 12),
    _header({"a": {"dtype": "F32", "shape": [2 ** 40], "data_offsets": [0, 8]}}, b"1" * 8),
    _header({"a": {"dtype": "OBJECT", "shape": [2], "data_offsets": [0, 8]}}, b"1" * 8),
], ids=["empty", "short", "text", "huge header", "cut header", "cut", "hole", "huge", "dtype"])
def test_safetensors_that_are_none(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    check_error(lambda: open_arrays(path), file=str(path))


def test_objects_in_an_npz(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=np.array([{"run": "this"}], dtype=object))
    check_error(lambda: open_arrays(path), entry="a.npy", dtype="object")


@pytest.mark.parametrize("name", ["../a.npy", "/a.npy", "b/../../a.npy", "a.txt", "..\\a.npy"])
def test_entries_that_lie_outside(tmp_path, name):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, _npy((2,), b"1" * 8))
    check_error(lambda: open_arrays(path), entry=name)


def _npy(shape, body):
    header = str({"descr": "<f4", "fortran_order": False, "shape": shape}).ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.encode() + body


@pytest.mark.parametrize(("content", "received"), [
    (_npy((3,), b"1" * 8), {"shape": (3,), "bytes": 136}),
    (_npy((2 ** 40, 2 ** 40), b"1" * 8), {"shape": (2 ** 40, 2 ** 40)}),
    (_npy((-1, -2), b"1" * 8), {"shape": (-1, -2)}),
    (b"nothing", {"entry": "a.npy"}),
    (_npy((2,), b"1" * 8)[:50], {"entry": "a.npy"}),
])
def test_entries_that_are_no_arrays(tmp_path, content, received):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
    check_error(lambda: open_arrays(path), file=str(path), **received)


def test_a_file_that_claims_far_more_than_it_is(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, a=np.zeros(70 * 2 ** 20, "int8"))
    check_error(lambda: open_arrays(path), bytes=path.stat().st_size)


def test_damaged_bytes_are_seen_when_they_are_read(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=np.arange(1000.0))
    content = bytearray(path.read_bytes())
    content[4000] ^= 1
    path.write_bytes(content)
    arrays, _ = open_arrays(path)
    check_error(lambda: np.asarray(arrays["a"]), file=str(path), entry="a.npy")


def test_npz_that_are_cut(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=np.arange(1000.0))
    path.write_bytes(path.read_bytes()[:-100])
    check_error(lambda: open_arrays(path), file=str(path))


def test_what_is_no_file_of_weights(tmp_path):
    check_error(lambda: open_arrays(tmp_path), folder=str(tmp_path))
    check_error(lambda: open_arrays(tmp_path / "x.npz"), file=str(tmp_path / "x.npz"))
    path = tmp_path / "x.h5"
    path.write_bytes(b"")
    check_error(lambda: open_arrays(path), file=str(path))
