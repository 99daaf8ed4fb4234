"""`keras_seqattn.layers.projection`."""

import keras
import numpy as np
import pytest
from arrays import array
from tolerances import FLOAT32

from keras_seqattn import layers
from keras_seqattn.kernels.target import compiled_for
from keras_seqattn.layers.projection import project
from keras_seqattn.training.doctor import compiler, environment, hlo, topologies

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


@pytest.mark.skipif(not environment.is_there(), reason="libtpu is not installed")
def test_a_tpu_copies_no_heads():
    """Queries, keys and values reach the kernel as products made them, and so do gradients."""
    import jax

    place = topologies.parse("v5e:1x1")
    devices = compiler.devices(place)
    attention = layers.MultiHeadAttention(3, 64, dtype="mixed_bfloat16")
    attention.build((2, 131, 192), (2, 131, 192))

    def loss(weights, x):
        made, _ = attention.stateless_call(weights, [], x, x)
        return made.astype("float32").sum()

    sharding = jax.sharding.SingleDeviceSharding(devices[0])
    given = jax.tree.map(
        lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding),
        ([each.value for each in attention.trainable_variables],
         jax.numpy.zeros((2, 131, 192), "bfloat16")))
    with compiled_for("tpu"):
        lowered = jax.jit(jax.grad(loss, (0, 1))).lower(*given)
    made = hlo.read(compiler.compile_lowered(lowered, place).text)
    assert hlo.custom_calls(made) == {"tpu_custom_call": 2}
    inside = [copy.op_name for copy in hlo.copies(made) if copy.op_name]   # others: the results
    assert inside == []
