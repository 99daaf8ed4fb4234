"""`keras_seqattn.layers.one_pass_norm`."""

import keras
import numpy as np
import pytest
from arrays import array, normal
from keras import ops
from tolerances import BFLOAT16

from keras_seqattn.layers.one_pass_norm import normalise

on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="how JAX trains")


def _norm(rng, dtype, **settings):
    norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=dtype, **settings)
    norm.build((None, 3, 101))
    norm.set_weights([1 + 0.3 * normal(rng, *weight.shape) for weight in norm.weights])
    return norm


@on_jax
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_value_and_gradients_are_those_of_keras(rng, offset):
    import jax

    norm = _norm(rng, "mixed_bfloat16")
    x = ops.cast(offset + normal(rng, 2, 3, 101), "bfloat16")
    up = ops.cast(normal(rng, 2, 3, 101), "bfloat16")
    (one, back), (other, plain) = (
        jax.vjp(lambda x, on=on: normalise(norm, x, on), x) for on in (True, False))
    assert one.dtype == other.dtype == "bfloat16"
    np.testing.assert_allclose(array(one), array(other), rtol=BFLOAT16, atol=BFLOAT16)
    np.testing.assert_allclose(array(*back(up)), array(*plain(up)), rtol=BFLOAT16, atol=0.05)


@on_jax
@pytest.mark.parametrize(("training", "one_pass"), [(True, True), (False, False), (None, False)])
def test_in_training_there_is_one_pass(rng, training, one_pass):
    import jax

    norm, x = _norm(rng, "mixed_bfloat16"), ops.zeros((2, 3, 101), "bfloat16")
    traced = str(jax.make_jaxpr(lambda x: normalise(norm, x, training))(x))
    assert ("_var" not in traced) == one_pass


@pytest.mark.parametrize(("dtype", "settings"), [
    ("float32", {}), ("mixed_float16", {"center": False}), ("mixed_float16", {"axis": (1, 2)})])
def test_other_norms_are_those_of_keras(rng, dtype, settings):
    norm = _norm(rng, dtype, **settings)
    x = ops.cast(normal(rng, 2, 3, 101), norm.compute_dtype)
    np.testing.assert_array_equal(array(normalise(norm, x, True)), array(norm(x)))


def test_tokens_that_are_all_alike_become_the_offset(rng):
    norm = _norm(rng, "mixed_bfloat16")
    made = normalise(norm, ops.full((1, 3, 101), 3.0, "bfloat16"), True)
    np.testing.assert_allclose(array(made)[0, 0], array(norm.beta), atol=0.05)
