"""`.safetensors` files: their arrays, and files that are none."""

import json
import struct

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_seqattn.checkpoints.files.arrays import open_arrays
from keras_seqattn.testing import check_error


def test_safetensors_with_bfloat16(tmp_path, check_arrays, small_arrays):
    arrays = {**small_arrays, "d": np.full((3,), 1.5, ml_dtypes.bfloat16)}
    save_file(arrays, tmp_path / "model.safetensors", metadata={"written": "here"})
    check_arrays(tmp_path / "model.safetensors", arrays)
    check_arrays(tmp_path, arrays)
    assert open_arrays(tmp_path).metadata == {"written": "here"}


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
