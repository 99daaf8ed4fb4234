"""Attention for TPUs that never writes its scores to HBM, with gradients, on one device or many.

The arithmetic is that of `layers.attention.attend`. The kernels are those of `whole_rows`.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from keras_seqattn.kernels import whole_rows
from keras_seqattn.kernels.blocks import Sizes, block_of


def serves(query: jax.Array, key: jax.Array, value: jax.Array,
           mesh: jax.sharding.Mesh | None = None, batch_axis: str = "batch") -> bool:
    """Tells whether `attention` takes a call, whose arguments are its own.

    It takes float32 and bfloat16. The examples have to divide among the devices, and VMEM has to
    hold the keys of one example.
    """
    (batch, num_heads, num_queries, key_dim), (_, num_kv_heads, num_keys, value_dim) = (
        query.shape, value.shape)
    return (query.dtype == key.dtype == value.dtype and query.dtype in (jnp.float32, jnp.bfloat16)
            and (mesh is None or batch % mesh.shape[batch_axis] == 0)
            and block_of(Sizes(num_queries, num_keys, num_heads, num_kv_heads, key_dim, value_dim,
                               query.dtype.itemsize)) is not None)


def attention(query: jax.Array, key: jax.Array, value: jax.Array,
              allowed: jax.Array | None = None, *, scale: float, causal: bool = False,
              mesh: jax.sharding.Mesh | None = None, batch_axis: str = "batch") -> jax.Array:
    """Reads `value` where `query` meets `key`: softmax(Q·Kᵀ·scale)·V, with masks.

    The heads are turned to `(B, T, N·H)`, as projections make them. So within a compiled step
    nothing is transposed, padded or copied around the kernels.

    Args:
        query: Float32 or bfloat16, `(B, N, T, H)`.
        key: Of the same dtype, `(B, K, S, H)`. `K` divides `N`.
        value: Of the same dtype, `(B, K, S, H_v)`.
        allowed: Boolean, of rank 4, broadcasts to `(B, N, T, S)`. `True` may be read.
        scale: Factor on the query.
        causal: If `True`, query `t` reads keys `0 … S-T+t` only.
        mesh: Devices over which the examples are spread, or `None` for one. Along its other axes
            heads are spread where they divide.
        batch_axis: Name of the mesh's axis along which examples are spread.

    Returns:
        Float, `(B, N, T, H_v)`. It has gradients for query, key and value.

    Raises:
        ValueError: VMEM cannot hold all keys of an example. `serves` tells that before.

    Cost: the products of `attend`, and `B·N·T·S·H` multiply-adds more in the backward pass. HBM
    holds no scores.
    Paper: Dao et al. 2022, "FlashAttention", section 3.1, with rows of scores that stay whole.
    """
    batch, num_heads, num_queries, key_dim = query.shape
    flat = [x.transpose(0, 2, 1, 3).reshape(batch, x.shape[2], -1) for x in (query, key, value)]
    spread = _spread(mesh, batch_axis, key.shape[1], allowed)
    call = key_dim, scale, causal

    @jax.custom_vjp
    def read(*arrays):
        return spread(functools.partial(whole_rows.forward, *call), *arrays)

    def gradients(arrays, gradient):
        return *spread(functools.partial(whole_rows.backward, *call), *arrays, gradient), None

    read.defvjp(lambda *arrays: (read(*arrays), arrays), gradients)
    output = read(*flat, None if allowed is None else allowed.astype("int8"))
    return output.reshape(batch, num_queries, num_heads, -1).transpose(0, 2, 1, 3)


def _spread(mesh, batch_axis, num_kv_heads, allowed):
    """Returns what runs a function of one device on the part of the arrays that each device has."""
    if mesh is None or batch_axis in jax.sharding.get_abstract_mesh().manual_axes:
        return lambda function, *arrays: function(*arrays)
    others = tuple(name for name in mesh.axis_names if name != batch_axis)
    heads = others if num_kv_heads % math.prod(mesh.shape[name] for name in others) == 0 else None
    rows, mask = PartitionSpec(batch_axis, None, heads), PartitionSpec()
    if allowed is not None:
        mask = PartitionSpec(*(axis if size > 1 else None for axis, size in zip(
            (batch_axis, heads), allowed.shape[:2], strict=True)))

    def spread(function, *arrays):
        specs = (rows, rows, rows, mask, rows)[:len(arrays)]
        return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=rows,
                             check_vma=False)(*arrays)
    return spread
