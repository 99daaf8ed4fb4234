"""Arrays that every kind of file can hold."""

import numpy as np
import pytest

from keras_seqattn.checkpoints.files.arrays import open_arrays


@pytest.fixture
def small_arrays():
    return {"a/b": np.arange(6, dtype="float32").reshape(2, 3), "c": np.ones(5, "float16")}


@pytest.fixture
def check_arrays():
    """Checks that a file holds these arrays."""
    def check(path, expected):
        arrays = open_arrays(path).arrays
        assert {key: array.shape for key, array in arrays.items()} == {
            key: array.shape for key, array in expected.items()}
        for key, array in expected.items():
            read = np.asarray(arrays[key])
            assert read.dtype == array.dtype
            np.testing.assert_array_equal(read, array)

    return check
