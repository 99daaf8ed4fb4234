"""`keras_seqattn.kernels.blocks`: blocks that fit the registers and VMEM of a TPU."""

import itertools

import pytest

from keras_seqattn.kernels.blocks import LANES, MOST, ROWS, Sizes, block_of

SIZES = [Sizes(*lengths, *heads, itemsize) for lengths, heads, itemsize in itertools.product(
    [(1, 7), (197, 197), (577, 1021), (1024, 1024), (4099, 4099)],
    [(6, 6, 64, 64), (16, 16, 72, 72), (12, 3, 80, 96), (8, 1, 128, 128), (5, 5, 7, 11)],
    [2, 4])]


@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "-".join(map(str, sizes)))
def test_a_block_fills_tiles_or_takes_all(sizes):
    block = block_of(sizes)
    if block is None:
        assert sizes.num_keys > 1000
        return
    assert block.num_queries == sizes.num_queries or block.num_queries % ROWS == 0
    assert sizes.num_kv_heads % block.num_kv_heads == 0
    assert block.num_kv_heads == sizes.num_kv_heads or all(
        block.num_kv_heads * width % LANES == 0 for width in (sizes.key_dim, sizes.value_dim))
    assert block.vmem <= MOST


def test_longer_keys_leave_room_for_fewer_queries():
    """Until not even a tile of them has room."""
    blocks = [block_of(Sizes(length, length, 2, 2, 64, 64, itemsize=2))
              for length in (1024, 4096, 8192, 10_007, 12_007, 100_003)]
    rows = [0 if block is None else block.num_queries for block in blocks]
    assert rows == sorted(rows, reverse=True)
    assert rows[0] > rows[1] > rows[-2] > rows[-1] == 0
