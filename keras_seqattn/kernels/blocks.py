"""How much of a call one step of a kernel takes: whole lanes, what VMEM holds, short code."""

import math
import typing

LANES = 128   # numbers in a row of a register. A block of heads fills whole rows, or is all heads.
ROWS = 32     # queries in a tile of a mask of bytes
FILLED = 128  # queries that keep the matrix unit busy
# Scores of a step. Their code is unrolled: more take a compiler longer, fewer leave a step idle.
SCORES = 2**19
# Bytes of VMEM that a kernel has without asking, and those that it may ask of a v5 and later.
FREE, MOST = 12 * 2**20, 48 * 2**20


class Sizes(typing.NamedTuple):
    """Sizes of a call of attention on one device, and the bytes of a number."""

    num_queries: int
    num_keys: int
    num_heads: int
    num_kv_heads: int
    key_dim: int
    value_dim: int
    itemsize: int

    @property
    def group(self) -> int:
        """Query heads that read the same key/value head."""
        return self.num_heads // self.num_kv_heads


class Block(typing.NamedTuple):
    """What one step of a kernel takes of an example.

    Attributes:
        num_queries: Queries. It is all of them, or a multiple of `ROWS`.
        num_kv_heads: Key/value heads, each with all query heads that read it.
        vmem: Bytes of VMEM that the backward kernel needs at most.
    """

    num_queries: int
    num_kv_heads: int
    vmem: int


def block_of(sizes: Sizes) -> Block | None:
    """Chooses the block of a call, or returns `None` where VMEM cannot hold all keys of an example.

    >>> block_of(Sizes(197, 197, 6, 6, 64, 64, itemsize=2))[:2]
    (197, 6)
    >>> block_of(Sizes(1024, 1024, 12, 12, 64, 64, itemsize=2))[:2]
    (256, 2)
    >>> block_of(Sizes(64, 500_000, 12, 12, 64, 64, itemsize=2)) is None
    True
    """
    whole = [kv for kv in range(1, sizes.num_kv_heads) if sizes.num_kv_heads % kv == 0
             and kv * sizes.key_dim % LANES == kv * sizes.value_dim % LANES == 0]
    whole.append(sizes.num_kv_heads)
    each = sizes.group * sizes.num_queries * sizes.num_keys
    num_kv_heads = max((kv for kv in whole if kv * each <= SCORES), default=whole[0])
    parts = math.ceil(num_kv_heads * each / SCORES)
    best = max(FILLED, ROWS * math.ceil(sizes.num_queries / parts / ROWS))
    for num_queries in (best, 64, ROWS):
        num_queries = min(num_queries, sizes.num_queries)
        vmem = _vmem(sizes, num_queries, num_kv_heads)
        if vmem <= MOST:
            return Block(num_queries, num_kv_heads, vmem)
    return None


def _vmem(sizes, num_queries, num_kv_heads):
    """Bytes that the backward kernel holds at most. What comes and goes is there twice.

    The part of the scores is what Mosaic was seen to take for 2, 8 and 16 heads, rounded up.
    """
    def lanes(heads, width):
        return LANES * math.ceil(heads * width / LANES)

    num_heads = num_kv_heads * sizes.group
    keys = sizes.num_keys * sum(
        lanes(num_kv_heads, width) for width in (sizes.key_dim, sizes.value_dim))
    queries = num_queries * (
        2 * lanes(num_heads, sizes.key_dim) + lanes(num_heads, sizes.value_dim))
    scores = num_queries * lanes(1, sizes.num_keys)
    return 2 * sizes.itemsize * (queries + 2 * keys) + 4 * keys + (8 + 6 * num_heads) * scores
