"""`keras_seqattn.layers.projection`."""

import keras
import numpy as np
import pytest
from arrays import array
from tolerances import FLOAT32

from keras_seqattn.layers.projection import project

KINDS = {
    "features": ("abc,cde->abde", (None, 3, 5), "de", (7,), 1),
    "heads": ("abcd,cde->abe", (None, 7), "e", (3, 5), 2),
}


@pytest.mark.parametrize("free", [(2, 4), (1, 1), (1, 6)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [
    {}, {"activation": "sigmoid"}, {"bias_axes": None}, {"activity_regularizer": "l2"}])
def test_it_is_what_the_layer_does(rng, kind, free, options):
    equation, output_shape, bias_axes, read, num_read = KINDS[kind]
    dense = keras.layers.EinsumDense(
        equation, output_shape, **{"bias_axes": bias_axes, "bias_initializer": "normal", **options})
    x = rng.normal(size=(*free, *read)).astype("float32")
    expected = array(dense(x))
    np.testing.assert_allclose(array(project(dense, x, num_read)), expected, atol=FLOAT32)


def test_adapters_count(rng):
    dense = keras.layers.EinsumDense("abc,cde->abde", (None, 3, 5), bias_axes="de")
    x = rng.normal(size=(2, 4, 7)).astype("float32")
    dense.build(x.shape)
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(rng.normal(size=dense.lora_kernel_b.shape))
    np.testing.assert_allclose(array(project(dense, x)), array(dense(x)), atol=FLOAT32)


def test_low_precision_outside_of_a_call(rng):
    dense = keras.layers.EinsumDense("abc,cde->abde", (None, 3, 5), dtype="mixed_float16")
    x = rng.normal(size=(2, 4, 7)).astype("float16")
    assert keras.backend.standardize_dtype(dense(x).dtype) == "float16"
    assert keras.backend.standardize_dtype(project(dense, x).dtype) == "float16"
