"""`keras_seqattn.layers.relative_position`."""

import numpy as np
from arrays import array, normal
from tolerances import FLOAT32

from keras_seqattn.layers import MultiHeadAttention, RelativePositionAttention
from keras_seqattn.layers.relative_position import relative_rows
from keras_seqattn.testing import check_error


def test_a_row_is_a_step_between_patches():
    """Pairs of patches share a row exactly when the step between them is the same."""
    rows, width = relative_rows((3, 5)), 5
    assert rows.shape == (16, 16)
    steps = {}
    for query in range(15):
        for key in range(15):
            step = (query // width - key // width, query % width - key % width)
            assert steps.setdefault(step, rows[query + 1, key + 1]) == rows[query + 1, key + 1]
    assert sorted(steps.values()) == list(range(5 * 9))
    assert set(rows[0, 1:]) == {45}
    assert set(rows[1:, 0]) == {46}
    assert rows[0, 0] == 47


def test_the_bias_is_that_of_the_table(rng):
    x, layer = normal(rng, 2, 7, 6), RelativePositionAttention(3, 2, grid=(2, 3))
    plain = MultiHeadAttention(3, 2)
    layer.build(x.shape, x.shape)
    plain.build(x.shape, x.shape)
    layer.relative_positions.assign(normal(rng, 3 * 5 + 3, 3))
    plain.set_weights([weight for weight in layer.get_weights() if weight.shape != (18, 3)])
    bias = array(layer.relative_positions)[relative_rows((2, 3))].transpose(2, 0, 1)
    for more in (0.0, normal(rng, 3, 7, 7)):
        mine = layer(x, x, attention_bias=None if isinstance(more, float) else more[None])
        np.testing.assert_allclose(
            array(mine), array(plain(x, x, attention_bias=(bias + more)[None])), atol=FLOAT32)


def test_its_config_builds_the_same():
    layer = RelativePositionAttention(2, 3, grid=(4, 5))
    again = RelativePositionAttention.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.grid == (4, 5)


def test_tokens_that_fit_no_grid(rng):
    check_error(lambda: RelativePositionAttention(3, 2, grid=(2, 3))(
        normal(rng, 2, 6, 6), normal(rng, 2, 6, 6)), length=6, grid=(2, 3))
    check_error(lambda: RelativePositionAttention(3, 2, grid=(0, 3)), grid_height=0)
