"""What stands before the blocks of a Vision Transformer: more tokens, and the positions of all."""

import typing
from collections.abc import Sequence

import keras

from keras_seqattn.errors import explain
from keras_seqattn.layers import ClassToken, LearnedPositionEmbedding, PositionalEncoding
from keras_seqattn.shapes import Tensor

Grid: typing.TypeAlias = tuple[int, int]

POSITIONS = ("learned", "sinusoidal", "none")


def own_grid(image_shape: Sequence[int | None], patch_size: int, position: str,
             relative_positions: bool, grid: Grid | None) -> Grid | None:
    """Returns `(GH, GW)` of the patches, or `None` where images have any size."""
    height, width = image_shape[:2]
    if height is not None and width is not None:
        return height // patch_size, width // patch_size
    if grid is None or position != "learned" or relative_positions:
        raise ValueError(explain(
            "images of any size need learned positions and the `grid` that these are made for",
            image_shape=tuple(image_shape), position=position, grid=grid,
            relative_positions=relative_positions,
            fix="pass grid=(rows, columns) of patches, or fix the height and width"))
    return None


def with_prefix_and_positions(x: Tensor, images: Tensor, num_class_tokens: int,
                              num_registers: int, position: str, prefix_positions: bool,
                              grid: Grid | None, own_grid: Grid | None, interpolation: str,
                              patch_size: int, dtype: typing.Any) -> Tensor:
    """Puts class and register tokens before the patches, and adds the positions of all.

    Args:
        x: Tokens of the patches, `(B, GH·GW, D)`.
        images: Images that they come from.
        num_class_tokens: Number of class tokens.
        num_registers: Number of register tokens.
        position: `"learned"`, `"sinusoidal"` or `"none"`.
        prefix_positions: Whether class and register tokens have learned positions too.
        grid: `(GH, GW)` of the learned positions.
        own_grid: That of the images, `None` where these have any size.
        interpolation: How positions reach another grid.
        patch_size: Side of a patch, in pixels.
        dtype: Dtype policy of the layers.

    Returns:
        Tokens, `(B, T, D)`.
    """
    def put_prefix(x):
        if num_registers:
            x = ClassToken(keras.initializers.RandomNormal(stddev=0.02), num_registers,
                           name="registers", dtype=dtype)(x)
        if num_class_tokens:
            x = ClassToken(num_tokens=num_class_tokens, name="class_token", dtype=dtype)(x)
        return x

    if position == "none":
        return put_prefix(x)
    if position == "sinusoidal":
        return put_prefix(PositionalEncoding(grid=own_grid, name="positions", dtype=dtype)(x))
    num_placed = num_class_tokens + num_registers if prefix_positions else 0
    x = put_prefix(x) if prefix_positions else x
    x = LearnedPositionEmbedding(
        grid=grid, num_prefix=num_placed, interpolation=interpolation, patch_size=patch_size,
        name="positions", dtype=dtype)(x, images=None if grid == own_grid else images)
    return x if prefix_positions else put_prefix(x)
