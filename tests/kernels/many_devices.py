"""Attention spread over four devices against the plain product on one: run by the tests."""

import functools
import os
import sys

import numpy as np


def draw():
    """Query, key, value, the gradient of the output, and a mask."""
    rng = np.random.default_rng(7)
    return (*(rng.normal(size=(4, heads, 67, 3)).astype("float32") for heads in (6, 2, 2, 6)),
            rng.random((4, 1, 1, 67)) < 0.7)


def results(*heads, gradient, allowed):
    """Output and gradients of one call, compiled."""
    import jax

    from keras_seqattn.layers.attention import attend

    @jax.jit
    def both(*heads):
        output, back = jax.vjp(lambda *heads: attend(
            *heads, allowed, scale=0.5, causal=True)[0], *heads)
        return output, *back(gradient)
    return both(*heads)


def check(name, scope):
    """Holds what is computed within a scope to the numbers of one CPU, and wants it spread."""
    from keras_seqattn.kernels.target import compiled_for

    *heads, gradient, allowed = draw()
    for mask in (None, allowed):
        with compiled_for("cpu"):
            plain = results(*heads, gradient=gradient, allowed=mask)
        with scope:
            found = results(*heads, gradient=gradient, allowed=mask)
        for one, other in zip(found, plain, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5, rtol=0, err_msg=name)
            assert len(one.sharding.device_set) == 4, (name, one.sharding)


def main(name):
    """Runs one kind of spreading."""
    os.environ.update(KERAS_BACKEND="jax", JAX_PLATFORMS="cpu",
                      XLA_FLAGS="--xla_force_host_platform_device_count=4")
    import jax
    import keras
    from jax.experimental import pallas

    from keras_seqattn.kernels import target

    pallas.pallas_call = functools.partial(pallas.pallas_call, interpret=True)
    devices, distribution = np.array(jax.devices()), keras.distribution
    if name == "meshes":
        for shape in ((4,), (2, 2), (1, 4)):                    # the last: 2 heads for 4 devices
            mesh = jax.sharding.Mesh(devices.reshape(shape), ("data", "model")[:len(shape)])
            check(str(shape), Each(lambda mesh=mesh: target.compiled_for("tpu", mesh, "data")))
        return
    distribution.list_devices = lambda *_: [f"tpu:{i}" for i in range(4)]
    check("data", Each(distribution.DataParallel(devices=[f"cpu:{i}" for i in range(4)]).scope))
    mesh = distribution.DeviceMesh((2, 2), ("rows", "columns"), [f"cpu:{i}" for i in range(4)])
    check("model", Each(distribution.ModelParallel(
        layout_map=distribution.LayoutMap(mesh), batch_dim_name="rows").scope))


class Each:
    """A context that can be entered again: each time by another of the same kind."""

    def __init__(self, make):
        self._make = make

    def __enter__(self):
        self._now = self._make()
        return self._now.__enter__()

    def __exit__(self, *error):
        return self._now.__exit__(*error)


if __name__ == "__main__":
    main(sys.argv[1])
