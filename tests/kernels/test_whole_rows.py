"""`keras_seqattn.kernels.whole_rows`, as the TPU's own compiler takes it. No TPU is needed."""

import importlib.util
import re

import keras
import numpy as np
import pytest

from keras_seqattn.kernels.target import compiled_for
from keras_seqattn.layers.attention import attend

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax" or not importlib.util.find_spec("libtpu"),
    reason="the TPU's compiler (libtpu) and JAX are not installed")


@pytest.fixture
def devices(monkeypatch):
    """Four chips of a TPU v5e that is not there."""
    monkeypatch.setenv("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
    from jax.experimental import topologies

    return np.array(topologies.get_topology_desc(
        platform="tpu", topology_name="v5e:2x2").devices)


def _compiled(mesh, kind, heads, length, mask, causal, dtype="bfloat16"):
    """HLO of output and gradients of one attention, of heads as projections make them."""
    import jax

    num_heads, num_kv_heads, key_dim = heads
    spread = jax.NamedSharding(mesh, jax.P("examples"))

    def like(dtype, *shape):
        return jax.ShapeDtypeStruct(shape, dtype, sharding=spread)

    def read(query, key, value, allowed):
        split = [x.reshape(*x.shape[:2], -1, key_dim).transpose(0, 2, 1, 3)
                 for x in (query, key, value)]
        output, _ = attend(*split, allowed, scale=key_dim ** -0.5, causal=causal)
        return (output.transpose(0, 2, 1, 3).astype("float32") ** 2).sum()

    rows = [like(dtype, 8, length, number * key_dim) for number in (
        num_heads, num_kv_heads, num_kv_heads)]
    with compiled_for(kind, mesh, "examples"):
        lowered = jax.jit(jax.value_and_grad(read, (0, 1, 2))).lower(
            *rows, None if mask is None else like("bool", 8, *mask))
    return lowered.compile({"exec_time_optimization_effort": -1.0}).as_text()


@pytest.mark.parametrize(("chips", "heads", "length", "mask", "causal"), [
    (1, (6, 6, 64), 197, (1, 1, 197), False),
    (4, (12, 12, 64), 577, None, True),
    (4, (4, 2, 72), 149, (1, 149, 149), True)])
def test_no_scores_are_written(devices, chips, heads, length, mask, causal):
    """And nothing goes from chip to chip but the sum that the test asks for."""
    import jax

    text = _compiled(jax.sharding.Mesh(devices[:chips], ("examples",)), "tpu", heads, length, mask,
                     causal)
    assert text.count('custom_call_target="tpu_custom_call"') == 2
    assert not re.search(rf"(f32|bf16)\[[\d,]*{length},{length}\]", text)
    assert "all-gather" not in text


def test_the_plain_product_writes_them(devices):
    """So the pattern above finds scores where they are."""
    import jax

    text = _compiled(jax.sharding.Mesh(devices[:1], ("examples",)), "cpu", (6, 6, 64), 197, None,
                     False)
    assert re.search(r"f32\[[\d,]*197,197\]", text)


def test_heads_stay_where_a_layout_has_put_them(devices):
    """On a mesh of examples and heads no heads move, where the key/value heads divide."""
    import jax

    mesh = jax.sharding.Mesh(devices.reshape(2, 2), ("examples", "heads"))
    text = _compiled(mesh, "tpu", (4, 2, 64), 131, None, False)
    assert text.count('custom_call_target="tpu_custom_call"') == 2
    assert re.search(r"bf16\[4,131,128\]\S* custom-call", text)     # half of 8 examples, 4 heads
