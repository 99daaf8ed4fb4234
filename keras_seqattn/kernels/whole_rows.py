"""The kernels of attention for TPUs: whole rows of scores in VMEM, forward and backward.

A step holds a block of queries and all keys of one example, for as many heads as fill whole lanes.
So each row of scores is whole, its softmax needs no second pass, and the backward kernel computes
it again from queries and keys. Heads are sliced out of `(B, T, N·H)` in VMEM.

In the functions of a step, `query` and the like are references to blocks `(1, T, N·H)`.
"""

import functools
import typing

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from keras_seqattn.errors import explain
from keras_seqattn.kernels.blocks import FREE, Block, Sizes, block_of

# The logit of a key that may not be read, and one that no logit of finite inputs lies below.
_FORBIDDEN, _LEAST = -1e30, -1e29


class Plan(typing.NamedTuple):
    """What a step knows beside its arrays."""

    sizes: Sizes
    block: Block
    scale: float
    causal: bool

    @property
    def num_heads(self) -> int:
        """Query heads of a step."""
        return self.block.num_kv_heads * self.sizes.group

    @property
    def first_query(self) -> jax.Array:
        """Position of the first query of this step."""
        return pl.program_id(2) * self.block.num_queries


def forward(key_dim: int, scale: float, causal: bool, query: jax.Array, key: jax.Array,
            value: jax.Array, allowed: jax.Array | None) -> jax.Array:
    """Computes attention on one device.

    Args:
        key_dim: Size `H` of one head of query and key.
        scale: Factor on the query.
        causal: If `True`, query `t` reads keys `0 … S-T+t` only.
        query: Float, `(B, T, N·H)`.
        key: Float, `(B, S, K·H)`.
        value: Float, `(B, S, K·H_v)`.
        allowed: Int8, broadcasts to `(B, N, T, S)`, or `None`. What is not 0 may be read.

    Returns:
        Float, `(B, T, N·H_v)`.

    Raises:
        ValueError: VMEM cannot hold all keys of an example.
    """
    plan = _plan(key_dim, scale, causal, query, key, value)
    width = plan.sizes.num_heads * plan.sizes.value_dim
    output, = _launch(plan, _forward_step, [query, key, value, allowed],
                      [jax.ShapeDtypeStruct((*query.shape[:2], width), query.dtype)])
    return output


def backward(key_dim: int, scale: float, causal: bool, query: jax.Array, key: jax.Array,
             value: jax.Array, allowed: jax.Array | None,
             gradient: jax.Array) -> list[jax.Array]:
    """Computes the gradients for query, key and value from that for the output.

    The arguments are those of `forward`, and the gradient for what it returns.
    """
    plan = _plan(key_dim, scale, causal, query, key, value)
    sums = [pltpu.VMEM((plan.sizes.num_keys, plan.block.num_kv_heads * width), jnp.float32)
            for width in (plan.sizes.key_dim, plan.sizes.value_dim)]
    return _launch(plan, _backward_step, [query, key, value, allowed, gradient],
                   [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (query, key, value)], sums)


def _plan(key_dim, scale, causal, query, key, value):
    num_kv_heads = key.shape[2] // key_dim
    sizes = Sizes(query.shape[1], key.shape[1], query.shape[2] // key_dim, num_kv_heads, key_dim,
                  value.shape[2] // num_kv_heads, query.dtype.itemsize)
    block = block_of(sizes)
    if block is None:
        raise ValueError(explain(
            "a TPU's VMEM cannot hold all keys of an example", **sizes._asdict(),
            fix="let `attend` choose, or shorten the sequence"))
    return Plan(sizes, block, scale, causal)


def _launch(plan, step, arrays, outputs, scratch=()):
    """Runs a step for each example, each block of heads and each block of queries."""
    sizes, block, allowed = plan.sizes, plan.block, arrays[3]
    batch, many = len(arrays[0]), len(outputs) > 1
    grid = (batch, sizes.num_kv_heads // block.num_kv_heads,
            pl.cdiv(sizes.num_queries, block.num_queries))

    def asking(width):
        return pl.BlockSpec((1, block.num_queries, plan.num_heads * width),
                            lambda b, n, t: (b, t, n))

    def read(width):
        return pl.BlockSpec((1, sizes.num_keys, block.num_kv_heads * width),
                            lambda b, n, t: (b, 0, n))

    specs = [asking(sizes.key_dim), read(sizes.key_dim), read(sizes.value_dim)]
    given = [None if allowed is None else _mask_spec(plan, allowed.shape),
             *[asking(sizes.value_dim)] * many]
    products = sizes.key_dim * (3 if many else 1) + sizes.value_dim * (2 if many else 1)
    scores = batch * sizes.num_heads * sizes.num_queries * sizes.num_keys
    return pl.pallas_call(
        functools.partial(step, plan), grid=grid, in_specs=[*specs, *given],
        out_specs=specs if many else [asking(sizes.value_dim)], out_shape=outputs,
        scratch_shapes=scratch, compiler_params=pltpu.CompilerParams(
            dimension_semantics=("parallel", "parallel", "arbitrary"),
            vmem_limit_bytes=None if block.vmem <= FREE else block.vmem),
        cost_estimate=pl.CostEstimate(
            flops=2 * scores * products, transcendentals=scores,
            bytes_accessed=sum(x.size * x.dtype.itemsize
                               for x in (*arrays, *outputs) if x is not None)))(*arrays)


def _mask_spec(plan, shape):
    """The block of a mask, of which each axis may be one for all."""
    whole = (1, plan.num_heads, plan.block.num_queries, plan.sizes.num_keys)
    own = [size > 1 for size in shape]
    return pl.BlockSpec(
        tuple(size if each else 1 for size, each in zip(whole, own, strict=True)),
        lambda b, n, t: tuple(
            place if each else 0 for place, each in zip((b, n, t, 0), own, strict=True)))


def _forward_step(plan, query, key, value, allowed, output):
    heads = []
    for head in range(plan.num_heads):
        rising, part, _ = _scores(plan, head, query, key, allowed)
        values = _head(value, head // plan.sizes.group, plan.sizes.value_dim)
        heads.append(_product(rising.astype(values.dtype), values, 1, 0) * part)   # (T, H_v)
    output[0] = jnp.concatenate(heads, axis=1).astype(output.dtype)


def _backward_step(plan, query, key, value, allowed, gradient, to_query, to_key, to_value,
                   key_sum, value_sum):
    sizes = plan.sizes

    @pl.when(pl.program_id(2) == 0)
    def _():
        key_sum[...] = jnp.zeros_like(key_sum)
        value_sum[...] = jnp.zeros_like(value_sum)

    to_heads = []
    for head in range(plan.num_heads):
        rising, part, queries = _scores(plan, head, query, key, allowed)
        shared = head // sizes.group
        keys, values = _head(key, shared, sizes.key_dim), _head(value, shared, sizes.value_dim)
        given = _real(plan, _head(gradient, head, sizes.value_dim))                # (T, H_v)
        scores, to_scores = rising * part, _product(given, values, 1, 1)           # (T, S)
        inner = jnp.sum(scores * to_scores, axis=1, keepdims=True)
        to_logits = (scores * (to_scores - inner)).astype(keys.dtype)
        to_heads.append(_product(to_logits, keys, 1, 0) * plan.scale)
        key_sum[:, _columns(shared, sizes.key_dim)] += _product(to_logits, queries, 0, 0)
        value_sum[:, _columns(shared, sizes.value_dim)] += _product(
            scores.astype(given.dtype), given, 0, 0)
    to_query[0] = jnp.concatenate(to_heads, axis=1).astype(to_query.dtype)

    @pl.when(pl.program_id(2) == pl.num_programs(2) - 1)
    def _():
        to_key[0] = key_sum[...].astype(to_key.dtype)
        to_value[0] = value_sum[...].astype(to_value.dtype)


def _scores(plan, head, query, key, allowed):
    """Scores of one head before their division, the factor that divides, and the scaled queries."""
    sizes, queries = plan.sizes, _real(plan, _head(query, head, plan.sizes.key_dim))
    queries = (queries.astype(jnp.float32) * plan.scale).astype(queries.dtype)
    logits = _product(queries, _head(key, head // sizes.group, sizes.key_dim), 1, 1)  # (T, S)
    if plan.causal:
        last = (jax.lax.broadcasted_iota(jnp.int32, logits.shape, 0)
                + (plan.first_query + sizes.num_keys - sizes.num_queries))
        places = jax.lax.broadcasted_iota(jnp.int32, logits.shape, 1)
        logits = jnp.where(places <= last, logits, _FORBIDDEN)
    if allowed is not None:
        mask = allowed[0, head if allowed.shape[1] > 1 else 0].astype(jnp.int32)
        logits = jnp.where(mask != 0, logits, _FORBIDDEN)
    top = jnp.max(logits, axis=1, keepdims=True)
    rising = jnp.exp(logits - top)
    part = 1 / jnp.sum(rising, axis=1, keepdims=True)
    if plan.causal or allowed is not None:
        part = jnp.where(top > _LEAST, part, 0.0)      # a query that may read nothing gets zeros
    return rising, part, queries


def _columns(head, width):
    return slice(head * width, (head + 1) * width)


def _head(block, head, width):
    return block[0, :, _columns(head, width)]


def _real(plan, rows):
    """Rows of queries, with zeros behind the last. The last block may reach beyond the array."""
    if plan.sizes.num_queries % plan.block.num_queries == 0:
        return rows
    places = jax.lax.broadcasted_iota(jnp.int32, rows.shape, 0) + plan.first_query
    return jnp.where(places < plan.sizes.num_queries, rows, 0)


def _product(left, right, left_axis, right_axis):
    return jax.lax.dot_general(left, right, (((left_axis,), (right_axis,)), ((), ())),
                               preferred_element_type=jnp.float32)
