"""Folders, files in parts and files that belong together."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_seqattn.checkpoints.files.arrays import open_arrays, open_together
from keras_seqattn.testing import check_error


def _parts(folder, arrays, places):
    for number, key in enumerate(arrays):
        save_file({key: arrays[key]}, folder / f"part-{number}.safetensors")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": places}), encoding="utf-8")


def test_parts(tmp_path, check_arrays, small_arrays):
    _parts(tmp_path, small_arrays, {"a/b": "part-0.safetensors", "c": "part-1.safetensors"})
    check_arrays(tmp_path, small_arrays)


@pytest.mark.parametrize("place", ["../part-0.safetensors", "/tmp/x.safetensors", "..", 7])  # noqa: S108
def test_parts_that_lie_elsewhere(tmp_path, place, small_arrays):
    _parts(tmp_path, small_arrays, {"a/b": place})
    check_error(lambda: open_arrays(tmp_path), part=place)


def test_parts_that_are_incomplete(tmp_path, small_arrays):
    _parts(tmp_path, small_arrays, {"a/b": "part-0.safetensors", "c": "part-0.safetensors"})
    check_error(lambda: open_arrays(tmp_path), keys=["c"], number=1)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text("[]", encoding="utf-8")
    check_error(lambda: open_arrays(tmp_path), file=str(index))


def test_what_is_no_file_of_weights(tmp_path):
    check_error(lambda: open_arrays(tmp_path), folder=str(tmp_path))
    check_error(lambda: open_arrays(tmp_path / "x.npz"), file=str(tmp_path / "x.npz"))
    path = tmp_path / "x.h5"
    path.write_bytes(b"")
    check_error(lambda: open_arrays(path), file=str(path))


def test_files_that_belong_together(tmp_path):
    """The stem of a file stands before its keys, so that equal keys do not meet."""
    np.savez(tmp_path / "encoder.npz", w=np.full(3, 2.0))
    save_file({"w": np.full(5, 7.0)}, tmp_path / "decoder.safetensors")
    arrays = open_together([tmp_path / "encoder.npz", tmp_path / "decoder.safetensors"])
    assert {key: np.asarray(array).tolist() for key, array in arrays.items()} == {
        "encoder.w": [2.0] * 3, "decoder.w": [7.0] * 5}


def test_the_only_file_of_a_folder_needs_no_usual_name(tmp_path, small_arrays, check_arrays):
    save_file(small_arrays, tmp_path / "model.fp16.safetensors")
    (tmp_path / "notes.txt").write_text("text", encoding="utf-8")
    check_arrays(tmp_path, small_arrays)
    np.savez(tmp_path / "x.npz", **small_arrays)
    check_error(lambda: open_arrays(tmp_path), found=["model.fp16.safetensors", "x.npz"])
