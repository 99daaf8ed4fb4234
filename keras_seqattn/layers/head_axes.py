"""The axes of attention's inputs: which are batch, which are positions and where heads go.

Projections leave the axes of the input as they are, with `N` and `H` behind. Attention reads the
batch, `N`, the positions and `H`. Where the batch or the positions have several axes, attention
reads them as one.
"""

import math
from collections.abc import Sequence

from keras import ops

from keras_seqattn.errors import explain
from keras_seqattn.layers.attention import finite
from keras_seqattn.layers.fitting import broadcasts, fits
from keras_seqattn.plain import plain
from keras_seqattn.shapes import Shape, Tensor


class HeadAxes:
    """Brings inputs of one rank to the axes of attention, and its outputs back.

    Args:
        rank: Rank of the inputs.
        num_heads: Number of query heads `N`.
        positions: Axes that are attended over. Defaults to all but the first and the last.
    """

    def __init__(self, rank: int, num_heads: int, positions: Sequence[int] | None = None):
        self._num_heads = num_heads
        self._positions = [axis % rank for axis in positions or range(1, rank - 1)]
        self._batch = [axis for axis in range(rank - 1) if axis not in self._positions]
        self._layout = (*self._batch, rank - 1, *self._positions, rank)
        self._is_plain = self._layout == (0, 2, 1, 3)

    def split(self, x: Tensor) -> Tensor:
        """From what a projection makes, `(B, T, N, H)`, to `(B, N, T, H)`."""
        shape, x = ops.shape(x), ops.transpose(finite(x), self._layout)
        if self._is_plain:
            return x
        return ops.reshape(x, (-1, shape[-2], self._count(shape), shape[-1]))

    def join(self, x: Tensor, asked: Shape) -> Tensor:
        """From `(B, N, T, H)` to what a projection reads, `(B, T, N, H)`.

        Args:
            x: Float, `(B, N, T, H)`.
            asked: Shape of the query without its features.
        """
        if not self._is_plain:
            sizes = (*asked, x.shape[1], x.shape[-1])
            x = ops.reshape(x, [sizes[axis] for axis in self._layout])
        return ops.transpose(x, [self._layout.index(axis) for axis in range(len(self._layout))])

    def mask(self, mask: Tensor | None, shape: Shape) -> Tensor | None:
        """From the mask of a sequence of any axes to `(B, T)`."""
        if mask is None or self._is_plain:
            return mask
        while len(mask.shape) < len(shape):
            mask = ops.expand_dims(mask, -1)
        mask = ops.transpose(ops.broadcast_to(mask, shape), (*self._batch, *self._positions))
        return ops.reshape(mask, (-1, self._count(shape)))

    def flat_scores(self, given: Tensor | None, asked: Shape, read: Shape) -> Tensor | None:
        """From a mask or a bias of the scores to `(B, N, T, S)`.

        Args:
            given: One entry for each query and key, of the axes of `scores`, or without its first.
            asked: Shape of the query without its features.
            read: Shape of the value without its features.
        """
        if given is None or self._is_plain:
            return given
        full = self._scores_shape(asked, read)
        while len(given.shape) < len(full):
            given = ops.expand_dims(given, -2 * len(self._positions) - 1)
        if not broadcasts(given.shape, full):
            raise ValueError(explain(
                "a mask or a bias of the scores must broadcast to them",
                shape=tuple(given.shape), scores_shape=full,
                fix="pass one entry per query and key"))
        return ops.reshape(ops.broadcast_to(given, full), (
            -1, self._num_heads, self._count(asked), self._count(read)))

    def scores(self, scores: Tensor, asked: Shape, read: Shape) -> Tensor:
        """From `(B, N, T, S)` to the axes of batch, `N`, asking and read positions."""
        return scores if self._is_plain else ops.reshape(scores, self._scores_shape(asked, read))

    def _count(self, shape):
        return math.prod(shape[axis] for axis in self._positions)

    def _scores_shape(self, asked, read):
        return (*(asked[i] for i in self._batch), self._num_heads,
                *(asked[i] for i in self._positions), *(read[i] for i in self._positions))


def axes_tuple(name: str, axes: int | Sequence[int] | None) -> tuple[int, ...] | None:
    """Gives one integer or several as a tuple. The name is that of the argument."""
    if axes is None or isinstance(axes, int):
        return axes if axes is None else (axes,)
    try:
        return plain(tuple(axes))
    except TypeError:
        raise TypeError(explain(
            f"`{name}` must be an integer or a tuple of integers",
            fix="pass one integer per axis", **{name: axes})) from None


def check_shapes(query_shape: Shape, value_shape: Shape, key_shape: Shape,
                 attention_axes: Sequence[int] | None) -> None:
    """Refuses inputs that do not fit each other.

    Args:
        query_shape: Shape of the query.
        value_shape: Shape of the value.
        key_shape: Shape of the key.
        attention_axes: Axes that are attended over, or `None`.

    Raises:
        ValueError: Ranks, batches or positions differ. An axis of `attention_axes` is no position.
    """
    shapes = {"query_shape": tuple(query_shape), "value_shape": tuple(value_shape),
              "key_shape": tuple(key_shape)}
    ranks = {len(shape) for shape in shapes.values()}
    if len(ranks) > 1 or min(ranks) < 3:
        raise ValueError(explain(
            "`query`, `value` and `key` must have the same rank, at least 3",
            **shapes, fix="pass (batch, positions, features)"))
    if not fits(key_shape[:-1], value_shape[:-1]):
        raise ValueError(explain(
            "`key` and `value` must have the same positions", **shapes,
            fix="pass a key and a value of the same sequence"))
    wrong = [axis for axis in attention_axes or ()
             if not 1 <= axis % len(query_shape) < len(query_shape) - 1]
    if wrong:
        raise ValueError(explain(
            "`attention_axes` must lie between the batch and the feature axis",
            attention_axes=attention_axes, **shapes, fix=f"drop the axes {wrong}"))
    read = {axis % len(query_shape) for axis in attention_axes or range(1, len(query_shape) - 1)}
    batch = [axis for axis in range(len(query_shape) - 1) if axis not in read]
    if not fits([query_shape[axis] for axis in batch], [value_shape[axis] for axis in batch]):
        raise ValueError(explain(
            "`query` and `value` must have the same batch", **shapes,
            fix="repeat the smaller one, so that each example reads its own"))
