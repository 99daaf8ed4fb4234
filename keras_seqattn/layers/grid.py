"""Tables of positions on a grid, resized to another grid as the projects that trained them do."""

import types
from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_seqattn.errors import explain, nearest
from keras_seqattn.shapes import Tensor

INTERPOLATIONS = ("bilinear", "corners", "bicubic", "bicubic_antialias")


def resize_grid(table: Tensor, grid: Sequence[int], new_grid: Sequence[Tensor],
                num_prefix: int = 0, interpolation: str = "bilinear",
                xp: types.ModuleType = np) -> Tensor:
    """Resizes a table of vectors, one for each patch of a grid, to another grid.

    Args:
        table: Float, `(num_prefix + GH·GW, D)`. The grid lies row by row.
        grid: `(GH, GW)` of the table.
        new_grid: `(GH', GW')`. Integers, or integer tensors with `xp=keras.ops`.
        num_prefix: Number of vectors in front that belong to no patch. They stay as they are.
        interpolation: One of four. `"bilinear"` is linear between the centres of patches, and
            averages where the grid shrinks. `"corners"` is linear too, with the corners of both
            grids on each other, as Google's ViTs. `"bicubic"` is Hugging Face's.
            `"bicubic_antialias"` averages where the grid shrinks, as timm's.
        xp: Module that computes. `numpy` computes in float64, `keras.ops` in the table's dtype.

    Returns:
        Float, `(num_prefix + GH'·GW', D)`.

    Raises:
        ValueError: The table does not fit the grid. The interpolation is unknown.

    Example:

    >>> resize_grid(np.array([[0.0], [1.0]]), (1, 2), (1, 3), interpolation="corners").tolist()
    [[0.0], [0.5], [1.0]]

    Cost: `O(GH'·GW·(GH + GW')·D)`, one small matrix product for each axis.
    Paper: Dosovitskiy et al. 2021, section 3.2.
    Paper: Keys 1981, for bicubic interpolation.
    """
    check_interpolation(interpolation)
    if table.shape[0] != num_prefix + grid[0] * grid[1]:
        raise ValueError(explain(
            "the table must have a vector for each prefix token and each patch of the grid",
            rows=table.shape[0], grid=tuple(grid), num_prefix=num_prefix,
            fix="pass the grid that the table was made for"))
    dim = table.shape[1]
    rows, columns = (_matrix(old, new, interpolation, xp)
                     for old, new in zip(grid, new_grid, strict=True))
    x = xp.reshape(table[num_prefix:], (grid[0], grid[1] * dim))
    x = xp.reshape(xp.matmul(rows, x), (-1, grid[1], dim))                     # (GH', GW, D)
    x = xp.reshape(xp.matmul(columns, x), (-1, dim))                           # (GH'·GW', D)
    return xp.concatenate([table[:num_prefix], x], axis=0)


def grid_of(sides: Sequence[Tensor], num_patches: Tensor,
            patch_size: int | None = None) -> tuple[Tensor, Tensor]:
    """Finds the grid of the square patches of an image.

    Where patches do not divide a side, some stems leave out what is left over. Others make a patch
    of it. The number of patches tells which of both a stem did.

    Args:
        sides: Height and width, in pixels. Integers or integer tensors.
        num_patches: Number of patches `GH·GW`.
        patch_size: Side of a patch. `None` works it out of the areas, which is right where patches
            divide the image.

    Returns:
        `GH` and `GW`.

    Raises:
        ValueError: No grid of the image has so many patches.

    >>> grid_of((10, 16), 2, patch_size=8), grid_of((10, 16), 4, patch_size=8)
    ((1, 2), (2, 2))
    """
    height, width = sides
    is_known = all(isinstance(each, int) for each in (height, width, num_patches))
    if patch_size is None and is_known:
        patch_size = max(1, round((height * width / max(num_patches, 1)) ** 0.5))
    elif patch_size is None:
        area = ops.cast(height * width, "float32") / ops.cast(num_patches, "float32")
        patch_size = ops.cast(ops.round(ops.sqrt(area)), "int32")
    whole = height // patch_size, width // patch_size
    begun = -(-height // patch_size), -(-width // patch_size)
    if not is_known:
        is_whole = ops.equal(whole[0] * whole[1], num_patches)
        return tuple(ops.where(is_whole, *each) for each in zip(whole, begun, strict=True))
    for grid in (whole, begun):
        if grid[0] * grid[1] == num_patches > 0:
            return grid
    raise ValueError(explain(
        "the patches must be those of the image", image_sides=(height, width),
        num_patches=num_patches, patch_size=patch_size,
        fix="pass images that the patches divide, or tell the patch_size"))


def check_interpolation(interpolation: str) -> None:
    """Refuses a name that is none of `INTERPOLATIONS`."""
    if interpolation not in INTERPOLATIONS:
        raise ValueError(explain("`interpolation` is not known", interpolation=interpolation,
                                 fix=nearest(interpolation, INTERPOLATIONS)))


def _matrix(old, new, interpolation, xp):
    """Weights `(new, old)` with which each new position reads the old ones. Rows sum to 1."""
    dtype = "float64" if xp is np else "float32"
    sources = np.arange(old, dtype=dtype)
    places, size = (xp.arange(new), new) if xp is np else (
        ops.cast(ops.arange(new), dtype), ops.cast(new, dtype))
    if interpolation == "corners":
        at = places * ((old - 1) / xp.maximum(size - 1, 1))
    else:
        at = (places + 0.5) * (old / size) - 0.5
    at = xp.expand_dims(at, 1)                                                 # (new, 1)
    if interpolation == "corners":
        return _triangle(at - sources, xp)
    if interpolation == "bicubic":  # behind the border, its vectors are repeated
        first = xp.floor(at)
        return sum(
            xp.where(xp.clip(first + k, 0, old - 1) == sources, _cubic(at - first - k, -0.75, xp),
                     0.0)
            for k in (-1, 0, 1, 2))
    distances = (at - sources) / xp.maximum(old / size, 1.0)
    weights = (_triangle(distances, xp) if interpolation == "bilinear"
               else _cubic(distances, -0.5, xp))
    return weights / xp.sum(weights, axis=1, keepdims=True)


def _triangle(x, xp):
    return xp.maximum(1 - xp.abs(x), 0)


def _cubic(x, a, xp):
    """Keys' cubic convolution kernel with the slope `a`, zero from 2 on."""
    x = xp.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return xp.where(x < 1, near, xp.where(x < 2, far, 0.0))
