"""Attention between patches that learns how much each step up, down or sideways counts."""

import typing

import keras
import numpy as np
from keras import ops

from keras_seqattn.errors import check_count, explain
from keras_seqattn.layers.multi_head import MultiHeadAttention
from keras_seqattn.shapes import Shape, Tensor


def relative_rows(grid: tuple[int, int]) -> np.ndarray:
    """Row of the table for each pair of tokens: a class token, then the patches row by row.

    Args:
        grid: `(GH, GW)` of the patches.

    Returns:
        Integers, `(T, T)` with `T = 1 + GH·GW`, of the query and the key. The rows of pairs of
        patches are ordered by the step down, then by the step to the right. Behind them come the
        row from the class token to a patch, that from a patch to the class token and that of the
        class token with itself.

    >>> relative_rows((1, 2)).tolist()
    [[5, 3, 3], [4, 1, 0], [4, 2, 1]]
    """
    height, width = grid
    places = np.stack(np.divmod(np.arange(height * width), width))
    down, right = places[:, :, None] - places[:, None, :] + [[[height - 1]], [[width - 1]]]
    last = (2 * height - 1) * (2 * width - 1) + 2
    rows = np.full((1 + height * width,) * 2, last)
    rows[0, 1:], rows[1:, 0] = last - 2, last - 1
    rows[1:, 1:] = down * (2 * width - 1) + right
    return rows


@keras.saving.register_keras_serializable(package="keras_seqattn")
class RelativePositionAttention(MultiHeadAttention):
    """Self-attention of a class token and patches, with a learned bias for each step between them.

    The call is that of `MultiHeadAttention`. So are the arguments but the last.

    Args:
        grid: `(GH, GW)` of the patches.

    Attributes:
        relative_positions: Table of the biases, `((2·GH-1)·(2·GW-1) + 3, N)`, in the order of
            `relative_rows`. It exists once the layer is built.

    Raises:
        ValueError: A side of `grid` is below 1. The input has not one token more than patches.

    Example:

    >>> x = keras.ops.ones((2, 7, 12))
    >>> tuple(RelativePositionAttention(num_heads=4, key_dim=3, grid=(2, 3))(x, x).shape)
    (2, 7, 12)

    Masking: as for `MultiHeadAttention`.
    Cost: the table beside the weights of `MultiHeadAttention`, and `N·T²` additions per example.
    On device: ADD of a constant beside the ops of `MultiHeadAttention`.
    Paper: Bao et al. 2022, "BEiT", section 2.2. Liu et al. 2021, "Swin Transformer", section 3.2.
    """

    def __init__(self, num_heads: int, key_dim: int, *args: typing.Any, grid: tuple[int, int],
                 **kwargs: typing.Any):
        super().__init__(num_heads, key_dim, *args, **kwargs)
        check_count(grid_height=grid[0], grid_width=grid[1])
        self.grid = (int(grid[0]), int(grid[1]))

    def build(self, query_shape: Shape, value_shape: Shape,
              key_shape: Shape | None = None) -> None:
        super().build(query_shape, value_shape, key_shape)
        height, width = self.grid
        for length in (query_shape[1], value_shape[1]):
            if length not in (None, 1 + height * width):
                raise ValueError(explain(
                    "the input must be a class token and the patches of the grid", length=length,
                    grid=self.grid, fix=f"pass {1 + height * width} tokens, or another grid"))
        self.relative_positions = self.add_weight(
            shape=((2 * height - 1) * (2 * width - 1) + 3, self.num_heads), initializer="zeros",
            name="relative_positions")

    def _read(self, query: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None,
              bias: Tensor | None = None, causal: bool = False, training: bool | None = False,
              return_attention_scores: bool = False) -> tuple[Tensor, Tensor | None]:
        rows = relative_rows(self.grid)
        table = ops.take(ops.convert_to_tensor(self.relative_positions), rows.ravel(), axis=0)
        table = ops.reshape(ops.transpose(table), (1, self.num_heads, *rows.shape))
        bias = table if bias is None else table + ops.cast(bias, table.dtype)
        return super()._read(query, keys, values, allowed, bias, causal, training,
                             return_attention_scores)

    def get_config(self) -> dict[str, typing.Any]:
        return {**super().get_config(), "grid": self.grid}
