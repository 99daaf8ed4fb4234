"""`keras_seqattn.kernels.product`: what plain products are, with gradients summed in float32."""

import keras
import numpy as np
import pytest
from arrays import array, normal
from keras import ops
from tolerances import BFLOAT16

from keras_seqattn.kernels.product import convolve, product, serves, spread

ON_JAX = keras.backend.backend() == "jax"
on_jax = pytest.mark.skipif(not ON_JAX, reason="JAX's sums between devices")


def _plain_convolve(x, kernel, stride):
    return ops.conv(x, kernel, stride, "valid", "channels_last")


# name: (function, plain function, shapes, setting)
KINDS = {
    "features": (product, ops.tensordot, ((2, 3, 5), (5, 7)), 1),
    "to heads": (product, ops.tensordot, ((2, 3, 5), (5, 7, 11)), 1),
    "of heads": (product, ops.tensordot, ((2, 3, 5, 7), (5, 7, 11)), 2),
    "patches": (convolve, _plain_convolve, ((2, 6, 9, 5), (3, 3, 5, 7)), 3),
    "bias": (lambda x, weight, _: x + spread(weight, x), lambda x, weight, _: x + weight,
             ((2, 3, 5), (5,)), None),
    "positions": (lambda x, weight, _: x * spread(weight, x), lambda x, weight, _: x * weight,
                  ((2, 3, 5), (1, 3, 1)), None),
}


def _given(rng, kind, dtype):
    made, plain, shapes, setting = KINDS[kind]
    return made, plain, [ops.cast(normal(rng, *shape), dtype) for shape in shapes], setting


@on_jax
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_those_of_the_plain_product(rng, kind):
    import jax

    made, plain, (x, weight), setting = _given(rng, kind, "bfloat16")
    value, back = jax.vjp(lambda x, weight: made(x, weight, setting), x, weight)
    wanted, plain_back = jax.vjp(lambda x, weight: plain(x, weight, setting), x, weight)
    np.testing.assert_array_equal(array(value), array(wanted))
    for one, other in zip(back(value), plain_back(value), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(array(one), array(other), rtol=BFLOAT16, atol=BFLOAT16)


@on_jax
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_a_weight_is_summed_in_float32(rng, kind):
    made, plain, given, setting = _given(rng, kind, "bfloat16")
    assert _sum_dtypes(lambda *given: made(*given, setting), *given) == {"float32"}
    assert _sum_dtypes(lambda *given: plain(*given, setting), *given) != {"float32"}


def _sum_dtypes(function, x, weight):
    """Dtypes of the sums over examples in the gradient of the weight, as JAX has them traced."""
    import jax

    traced = jax.make_jaxpr(jax.grad(
        lambda weight: function(x, weight).astype("float32").sum()))(weight)
    sums, before = ("dot_general", "conv_general_dilated", "reduce_sum"), []
    for equation in traced.eqns:
        if equation.primitive.name in sums:
            before.append(str(equation.outvars[0].aval.dtype))
    return {before[-1]}


@pytest.mark.skipif(ON_JAX, reason="what the other backends do")
def test_elsewhere_a_weight_stays_as_it_is(rng):
    weight, x = (ops.convert_to_tensor(normal(rng, *shape)) for shape in ((5,), (2, 3, 5)))
    assert not serves(ops.cast(x, "float16"))
    assert spread(weight, x).shape == (5,)
    np.testing.assert_array_equal(array(product(x, ops.ones((5, 7)))),
                                  array(ops.matmul(x, ops.ones((5, 7)))))


@on_jax
def test_symbols_and_float32_are_left_to_keras():
    assert not serves(keras.KerasTensor((2, 3), "bfloat16"))
    assert not serves(ops.ones((2, 3)))
    assert serves(ops.ones((2, 3), "float16"))
