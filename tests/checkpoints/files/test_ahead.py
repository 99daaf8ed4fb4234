"""Arrays that a thread reads: the same numbers as one by one, and what is wrong is still told."""

import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_seqattn.checkpoints.files import ahead
from keras_seqattn.checkpoints.files.arrays import open_arrays
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.testing import check_error

# Of more bytes than zipfile reads at once: "b".
RNG = np.random.default_rng(7)
ARRAYS = {
    "b": RNG.normal(size=(1009, 13)).astype("float32"), "a/c": RNG.normal(size=(3,)),
    "empty": np.zeros((0, 5), "float32"), "scalar": np.array(2.5, "float32"),
    "half": RNG.normal(size=(11,)).astype("float16")}
SAVERS = {".npz": lambda path, arrays: np.savez(path, **arrays),
          ".safetensors": lambda path, arrays: save_file(arrays, path)}


def _saved(folder, suffix, arrays=ARRAYS):
    SAVERS[suffix](folder / f"x{suffix}", arrays)
    return folder / f"x{suffix}"


def _given(path):
    """What the thread alone read, by key, and the keys of all arrays."""
    arrays = open_arrays(path).arrays
    places = {key: array.place for key, array in arrays.items() if array.place is not None}
    with ahead.read_ahead(places) as give:
        return {key: array for key in places if (array := give(key)) is not None}, set(arrays)


@pytest.mark.parametrize("limits", [
    {}, {"MOST_BYTES": 60_000}, {"MOST_ARRAYS": 2}, {"MOST_GAP": 0}])
@pytest.mark.parametrize("suffix", SAVERS)
def test_numbers(tmp_path, suffix, limits, monkeypatch):
    for name, value in limits.items():
        monkeypatch.setattr(ahead, name, value)
    given, keys = _given(_saved(tmp_path, suffix))
    assert set(given) == keys == set(ARRAYS)
    for key, array in ARRAYS.items():
        assert given[key].dtype == array.dtype
        np.testing.assert_array_equal(given[key], array)


def test_what_lies_otherwise_in_the_file_is_left_to_others(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", **ARRAYS)
    assert _given(tmp_path / "x.npz")[0] == {}
    turned = {"columns": np.asfortranarray(ARRAYS["b"]), "big": ARRAYS["b"].astype(">f4"),
              "rows": ARRAYS["b"]}
    assert set(_given(_saved(tmp_path, ".npz", turned))[0]) == {"rows"}


def test_each_array_is_given_away_once(tmp_path):
    arrays = open_arrays(_saved(tmp_path, ".npz")).arrays
    with ahead.read_ahead({"b": arrays["b"].place}) as give:
        first, second, foreign = give("b"), give("b"), give("c")
    np.testing.assert_array_equal(first, ARRAYS["b"])
    assert (second, foreign) == (None, None)


@pytest.mark.parametrize("suffix", SAVERS)
def test_state_takes_them_again_and_after(tmp_path, suffix):
    state = State(_saved(tmp_path, suffix))
    with state.ahead():
        first, second = state.take("b", 1009, 13), state.take("b", 1009, 13)
    third = state.take("b", 1009, 13)
    first += 1
    for array in (first - 1, second, third):
        np.testing.assert_allclose(array, ARRAYS["b"], rtol=0, atol=1e-6)


def test_damaged_numbers_are_told(tmp_path):
    path = _saved(tmp_path, ".npz")
    content = bytearray(path.read_bytes())
    place = content.index(ARRAYS["b"].tobytes())
    content[place + 5] ^= 1
    path.write_bytes(content)
    state = State(path)
    with state.ahead():
        check_error(lambda: state.take("b", 1009, 13), file=str(path), entry="b.npy")
        np.testing.assert_array_equal(state.take("half", 11, dtype="float16"), ARRAYS["half"])


@pytest.mark.parametrize("suffix", SAVERS)
def test_a_file_that_is_cut_meanwhile_is_told(tmp_path, suffix):
    path = _saved(tmp_path, suffix)
    state = State(path)
    os.truncate(path, path.stat().st_size // 2)
    with state.ahead():
        check_error(lambda: [state.read(key) for key in ARRAYS], file=str(path))


def test_sizes_that_no_memory_holds_are_left_to_the_reader(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"12345678")
    places = {rows: ahead.Place(path, 0, 0, (rows, 2 ** 30), np.dtype("float32"))
              for rows in (2 ** 20, 2 ** 50)}
    with ahead.read_ahead(places) as give:
        assert [give(rows) for rows in places] == [None, None]


def test_systems_without_scattered_reads(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "preadv")
    path = _saved(tmp_path, ".npz")
    assert _given(path)[0] == {}
    state = State(path)
    with state.ahead():
        np.testing.assert_array_equal(state.take("b", 1009, 13), ARRAYS["b"])


def test_errors_inside_leave_the_state_readable(tmp_path):
    state = State(_saved(tmp_path, ".safetensors"))
    with pytest.raises(KeyError), state.ahead():
        raise KeyError
    np.testing.assert_array_equal(state.take("b", 1009, 13), ARRAYS["b"])
