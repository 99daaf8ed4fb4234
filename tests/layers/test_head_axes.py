"""`keras_seqattn.layers.head_axes`."""

import keras
import numpy as np
import pytest
from arrays import assert_close, normal
from tolerances import EXACT

from keras_seqattn.layers import MultiHeadAttention
from keras_seqattn.layers.head_axes import HeadAxes
from keras_seqattn.testing import check_error

KERAS_315 = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 15)


@pytest.mark.parametrize("positions", [None, (1,), (2,), (1, 2), (-2,)])
def test_heads_come_back_as_they_went(rng, positions):
    axes, x = HeadAxes(4, 3, positions), normal(rng, 2, 5, 11, 3, 7)
    heads = axes.split(x)
    assert heads.shape[1::2] == (3, 7)
    assert len(heads.shape) == 4
    assert_close(axes.join(heads, (2, 5, 11)), x, atol=EXACT)


@pytest.mark.parametrize(("shapes", "received"), [
    (((2, 5), (2, 5)), {"query_shape": (2, 5)}),
    (((2, 5, 3), (2, 5, 3, 3)), {"value_shape": (2, 5, 3, 3)}),
    (((2, 5, 3), (2, 7, 3), (2, 11, 3)), {"key_shape": (2, 11, 3), "value_shape": (2, 7, 3)}),
])
def test_wrong_shapes(shapes, received):
    arrays = [np.ones(shape, "float32") for shape in shapes]
    check_error(lambda: MultiHeadAttention(2, 3)(*arrays), **received)


@pytest.mark.skipif(not KERAS_315, reason="this Keras does not tell `build` the shapes of masks")
@pytest.mark.parametrize("shape", [(5,), (2, 5, 11), (2, 4, 5, 7), (5, 5, 7), (1, 2, 2, 5, 7)])
def test_an_attention_mask_that_does_not_fit(shape):
    query, value = np.ones((2, 5, 3), "float32"), np.ones((2, 7, 3), "float32")
    check_error(lambda: MultiHeadAttention(2, 3)(
        query, value, attention_mask=np.ones(shape, bool)), attention_mask_shape=shape)


def test_attention_axes_that_are_not_positions():
    x = np.ones((2, 5, 3), "float32")
    check_error(lambda: MultiHeadAttention(2, 3, attention_axes=(2,))(x, x), attention_axes=(2,))
