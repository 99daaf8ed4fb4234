"""`.npz` files: their arrays, and files that nobody should trust."""

import struct
import zipfile

import ml_dtypes
import numpy as np
import pytest

from keras_seqattn.checkpoints.files.arrays import open_arrays
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.testing import check_error


def _npy(shape, body):
    header = str({"descr": "<f4", "fortran_order": False, "shape": shape}).ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.encode() + body


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save, check_arrays, small_arrays):
    save(tmp_path / "x.npz", **small_arrays)
    check_arrays(tmp_path / "x.npz", small_arrays)


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


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_bytes_are_seen_when_they_are_read(tmp_path, rng, save):
    path = tmp_path / "x.npz"
    save(path, a=rng.normal(size=1009))
    content = bytearray(path.read_bytes())
    content[4000:4100] = b"\xff" * 100
    path.write_bytes(content)
    arrays = open_arrays(path).arrays
    check_error(lambda: np.asarray(arrays["a"]), file=str(path), entry="a.npy")


@pytest.mark.parametrize("place", [60, 300, 1000])
def test_damaged_streams_are_told_too(tmp_path, place):
    """A deflated entry may end early or break the format, wherever it is read."""
    path = tmp_path / "x.npz"
    np.savez_compressed(path, a=np.arange(5003.0))
    content = bytearray(path.read_bytes())
    content[place:place + 20] = b"\xff" * 20
    path.write_bytes(content)
    check_error(lambda: np.asarray(open_arrays(path).arrays["a"]), file=str(path), entry="a.npy")


def test_npz_that_are_cut(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=np.arange(1000.0))
    path.write_bytes(path.read_bytes()[:-100])
    check_error(lambda: open_arrays(path), file=str(path))


def test_bfloat16_is_read_and_other_bytes_without_a_meaning_are_not(tmp_path):
    """NumPy writes an array of ml_dtypes as two bytes each."""
    path = tmp_path / "x.npz"
    array = np.array([[1.5, -2.0], [0.25, 3.0]], ml_dtypes.bfloat16)
    for save in (np.savez, np.savez_compressed):
        save(path, a=array)
        read = np.asarray(open_arrays(path).arrays["a"])
        assert read.dtype == ml_dtypes.bfloat16
        np.testing.assert_array_equal(read, array)
        assert State(path).take("a", 2, 2).tolist() == [[1.5, -2.0], [0.25, 3.0]]
    np.savez(path, a=array.view("V4"))
    check_error(lambda: open_arrays(path), entry="a.npy", shape=(2, 1))
