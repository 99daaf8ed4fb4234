"""`keras_seqattn.layers.masked_average`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal
from tolerances import FLOAT32

from keras_seqattn.layers import MaskedAverage
from keras_seqattn.testing import check_error, check_layer


def test_contract():
    check_layer(MaskedAverage, {}, (3, 5, 7), (3, 7), num_weights=0, keeps_mask=False)


def test_same_as_keras_where_a_step_is_real(rng):
    x, mask = normal(rng, 3, 5, 7), np.arange(5)[None] < np.array([[1], [5], [3]])
    theirs = keras.layers.GlobalAveragePooling1D()(x, mask=keras.ops.convert_to_tensor(mask))
    assert_close(MaskedAverage()(x, mask=mask), theirs, atol=FLOAT32)
    assert_close(MaskedAverage()(x), x.mean(1), atol=FLOAT32)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_padding_alone_gives_zeros_whatever_stands_there(dtype):
    x = np.full((2, 5, 3), np.nan, "float32")
    x[0, :2] = 40_000.0     # whose sum is no number of float16
    mask = np.array([[True, True, False, False, False], [False] * 5])
    found = array(MaskedAverage(dtype=dtype)(x, mask=mask))
    np.testing.assert_allclose(found, [[40_000.0] * 3, [0.0] * 3], rtol=4e-3)


def test_keras_fills_the_mask_in_and_it_ends_here(rng):
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(11, 3, mask_zero=True, name="table")(tokens)
    model = keras.Model(tokens, MaskedAverage()(x))
    table = array(model.get_layer("table").embeddings)
    ids = np.array([[3, 7, 0], [0, 0, 0]])
    assert_close(model(ids), [table[[3, 7]].mean(0), np.zeros(3)])


@pytest.mark.parametrize("shape", [(2, 3), (2, 5, 3, 1)])
def test_no_sequence(shape):
    check_error(lambda: MaskedAverage()(np.ones(shape, "float32")), input_shape=shape)
