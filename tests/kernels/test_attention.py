"""`keras_seqattn.kernels.attention`: the plain product's numbers and gradients, interpreted."""

import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal
from tolerances import BFLOAT16

from keras_seqattn.kernels.blocks import Sizes, block_of
from keras_seqattn.layers.attention import attend
from keras_seqattn.testing import check_error

if keras.backend.backend() != "jax":
    pytest.skip("the kernels for TPUs are JAX's", allow_module_level=True)

import jax
import jax.numpy as jnp

from keras_seqattn.kernels import attention


def _with_gradients(function, arrays, gradient):
    """What a function returns and its gradients for all arrays, compiled."""
    def both(*arrays):
        output, back = jax.vjp(function, *arrays)
        return output, *back(gradient)
    return jax.jit(both)(*arrays)


def _check(rng, heads, lengths, allowed=None, causal=False, batch=2):
    """Holds kernel and plain product together: output and gradients for query, key and value."""
    (num_heads, num_kv_heads, key_dim, value_dim), (asking, read) = heads, lengths
    arrays = [normal(rng, batch, *shape) for shape in (
        (num_heads, asking, key_dim), (num_kv_heads, read, key_dim),
        (num_kv_heads, read, value_dim))]
    gradient = normal(rng, batch, num_heads, asking, value_dim)
    options = {"scale": key_dim ** -0.5, "causal": causal}
    ours = _with_gradients(
        lambda *arrays: attention.attention(*arrays, allowed, **options), arrays, gradient)
    plain = _with_gradients(
        lambda *arrays: attend(*arrays, allowed, return_attention_scores=True, **options)[0],
        arrays, gradient)
    for one, other in zip(ours, plain, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize(("heads", "lengths", "mask", "causal"), [
    ((6, 2, 5, 7), (13, 17), (2, 1, 13, 17), True),
    ((3, 3, 5, 5), (17, 13), (2, 3, 17, 13), False),
    ((4, 1, 7, 5), (17, 13), None, True),               # queries before all keys read nothing
    ((2, 2, 5, 3), (11, 19), (2, 1, 1, 19), False),     # padding
    ((2, 2, 5, 3), (11, 19), (1, 1, 11, 19), False),    # one for all examples
    ((2, 2, 5, 3), (11, 19), (2, 1, 11, 1), False),     # real queries
])
def test_masks_and_groups_of_heads(interpreted, rng, heads, lengths, mask, causal):
    allowed = None if mask is None else rng.random(mask) < 0.5
    if allowed is not None:
        allowed[:, :, :3] &= mask[2] == 1               # three queries that may read nothing
    _check(rng, heads, lengths, allowed, causal)


@pytest.mark.parametrize(("heads", "length", "masked", "causal"), [
    ((2, 2, 64, 64), 128, False, False), ((4, 2, 64, 64), 128, True, True),
    ((2, 2, 64, 64), 256, False, True), ((1, 1, 72, 72), 512, True, False),
    ((1, 1, 64, 64), 577, False, False), ((2, 2, 64, 64), 1024, False, False),
    ((2, 1, 72, 80), 1021, True, True)])
def test_lengths_of_one_block_and_of_several(interpreted, rng, heads, length, masked, causal):
    allowed = rng.random((1, 1, 1, length)) < 0.7 if masked else None
    _check(rng, heads, (length, length), allowed, causal, batch=1)


def test_the_last_block_may_reach_beyond_the_queries():
    """The lengths above have such blocks."""
    assert 1021 % block_of(Sizes(1021, 1021, 2, 1, 72, 80, 4)).num_queries
    assert 1024 // block_of(Sizes(1024, 1024, 2, 2, 64, 64, 4)).num_queries > 1


def test_bfloat16_follows_float32(interpreted, rng):
    arrays, gradient = [normal(rng, 1, 2, 31, 13) for _ in range(3)], normal(rng, 1, 2, 31, 13)

    def run(dtype):
        return _with_gradients(lambda *arrays: attention.attention(*arrays, scale=0.5), [
            jnp.asarray(x, "bfloat16").astype(dtype) for x in arrays], gradient.astype(dtype))

    for low, high in zip(run(jnp.bfloat16), run(jnp.float32), strict=True):
        assert low.dtype == jnp.bfloat16
        assert_close(low, high, atol=BFLOAT16 * np.abs(array(high)).max())


def test_what_it_does_not_take():
    def serves(dtype="float32", length=7, other=None, **options):
        query, key = (jax.ShapeDtypeStruct((3, 2, length, 5), each) for each in (
            dtype, other or dtype))
        return attention.serves(query, key, key, **options)

    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("examples",))
    assert serves()
    assert serves("bfloat16", mesh=mesh, batch_axis="examples")
    assert not serves("float16")
    assert not serves("bfloat16", other="float32")
    assert not serves(length=100_003)


def test_more_keys_than_vmem_holds_are_refused():
    keys = jnp.zeros((1, 1, 20_011, 1))
    check_error(lambda: attention.attention(keys, keys, keys, scale=1.0), num_keys=20_011)


@pytest.mark.parametrize("spread", ["meshes", "distributions"])
def test_many_devices_compute_what_one_does(spread):
    """In a process of its own, which has four devices."""
    subprocess.run([sys.executable, pathlib.Path(__file__).with_name("many_devices.py"), spread],
                   check=True)
