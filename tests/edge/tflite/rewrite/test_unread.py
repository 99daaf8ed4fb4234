"""Constants that no op reads: they keep a quantised file from loading, and can go."""

import copy

import flat
import keras
import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from keras_seqattn.edge.tflite.rewrite import unread

pytestmark = pytest.mark.edge


@pytest.fixture(scope="module")
def dense():
    """A file of one dense layer, beside whose kernel stands a second name for it."""
    layer = keras.layers.Dense(64)
    layer.build((None, 64))
    before = flat.converted(layer, [layer], x=((1, 64), "float32"))
    model = flatbuffer_utils.convert_bytearray_to_object(before)
    graph, = model.subgraphs
    kernel = next(tensor for tensor in graph.tensors if list(tensor.shape) == [64, 64])
    graph.tensors.append(copy.copy(kernel))
    graph.tensors[-1].name = b"unread"
    return before, bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def test_a_file_whose_constants_are_all_read_stays_as_it_is(dense):
    before, _ = dense
    assert flat.rewritten(before, unread.remove) is before


def test_a_quantised_file_loads_again(dense):
    before, planted = dense
    with pytest.raises(ValueError, match="bytes"):
        flat.runner(flat.quantised(planted, "dynamic_wi8_afp32"))
    after = flat.rewritten(planted, unread.remove)
    x = np.random.default_rng(3).normal(size=(1, 64)).astype("float32")
    np.testing.assert_array_equal(flat.runner(after)(x=x)[0], flat.runner(before)(x=x)[0])
    found = flat.runner(flat.quantised(after, "dynamic_wi8_afp32"))(x=x)[0]
    np.testing.assert_allclose(found, flat.runner(before)(x=x)[0], atol=0.1)
