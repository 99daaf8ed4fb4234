"""Vision Transformers of any layout: sizes read from the arrays, then the weights."""

import collections.abc
import types
import typing

import keras
import numpy as np

from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.images import check_image_shape
from keras_seqattn.checkpoints.weights.layout import Layout
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.errors import explain
from keras_seqattn.layers.grid import resize_grid
from keras_seqattn.models import vit

Grid: typing.TypeAlias = tuple[int, int]
Heads: typing.TypeAlias = collections.abc.Mapping[int, int]


def load_vit(state: State, layout: Layout, *,
             image_size: int | typing.Sequence[int] | None = None,
             image_shape: tuple | None = None, num_heads: int | None = None,
             published: Heads = types.MappingProxyType({}),
             channels: int = 3, pooling: str | None = None, interpolation: str = "bilinear",
             prefix_positions: bool | None = None,
             waves: typing.Callable[[Grid, int], np.ndarray] | None = None,
             **options: typing.Any) -> keras.Model:
    """Builds a Vision Transformer of the sizes that its arrays have, and fills it.

    Args:
        state: `State` of the arrays.
        layout: `Layout` of the keys.
        image_size: Side of the images that the positions were made for, or `(height, width)`.
        image_shape: `(height, width, channels)` of the images that the model is to take, if they
            are others. `None` for height and width lets it take any.
        num_heads: Number of heads `N`, where no array tells.
        published: Dictionary from the widths of the project's published models to their heads,
            where no array tells and `num_heads` is `None`.
        channels: Channels of the images, where no array tells.
        pooling: As for `models.vit`. Defaults to what the keys tell.
        interpolation: How positions are resized, as in `layers.grid.resize_grid`.
        prefix_positions: Whether the tokens before the patches have positions. Defaults to what
            the number of positions tells.
        waves: Function from a grid and a width to the table of positions, for files that may have
            no table.
        **options: Further arguments of `models.vit`.

    Returns:
        Model as of `models.vit`.

    Raises:
        ValueError: an array is missing or of another shape, or patches are not square. Or no grid
            fits the positions. Or `num_heads` cannot be told or is wrong.
    """
    dim, channels, patch_size = _patches(state, layout, channels)
    blocks, tokens = _blocks(
        state, layout, dim, num_heads, published), _tokens(state, layout)
    grid: Grid | None
    if image_shape is not None:
        image_shape = check_image_shape(image_shape, channels)
    made_for, wanted = (_grid(size, patch_size) for size in (image_size, image_shape))
    if layout.positions is None:
        grid, prefix_positions, options["position"] = made_for or wanted, True, "none"
    elif layout.positions in state or waves is None:
        waves = None
        grid, prefix_positions = _place(state, layout, sum(tokens.values()), prefix_positions,
                                        [each for each in (made_for, wanted) if each])
    else:
        grid, prefix_positions = made_for if image_shape is None else wanted, False
    if grid is None:
        raise ValueError(explain(
            "`image_shape` must have a height and a width, as the file has no table of positions",
            image_shape=image_shape, fix="pass image_shape=(height, width, channels)"))
    if image_shape is None:
        image_shape, wanted = (grid[0] * patch_size, grid[1] * patch_size, channels), grid
    model = vit("base", patch_size, image_shape, embed_dim=dim, interpolation=interpolation,
                prefix_positions=prefix_positions, grid=None if wanted else grid,
                stem="normed" if layout.patch_norms else "patch",
                norm_before_blocks=f"{layout.first_norm}{layout.scale}" in state,
                use_patch_bias=layout.patches + layout.bias in state, **blocks, **tokens,
                **_head(state, layout, pooling, tokens), **options)

    if waves is not None:
        _fix_positions(model, waves(grid, dim))
    elif layout.positions is not None and wanted is not None and wanted != grid:
        _resize_table(state, layout.positions, grid, wanted,
                      model.get_layer("positions").num_prefix, interpolation)
    for link in layout.of(state).links(model):
        if waves is None or link.keys != (layout.positions,):
            link.fill(state)
    return model


def _fix_positions(model: keras.Model, table: np.ndarray) -> None:
    positions = model.get_layer("positions")
    positions.trainable = False
    hand_over(positions.embeddings, table)


def _resize_table(state: State, key: str, grid: Grid, new_grid: Grid, num_prefix: int,
                  interpolation: str) -> None:
    array = state.read(key)
    table = np.asarray(array, "float64").reshape(array.shape[-2:])
    table = resize_grid(table, grid, new_grid, num_prefix, interpolation)
    state.replace(key, table.reshape(*array.shape[:-2], *table.shape))


def _patches(state: State, layout: Layout, channels: int) -> tuple[int, int, int]:
    """Width, channels and side of the patches."""
    key = layout.patches + layout.kernel
    if layout.patch_norms:
        dim, inputs = state.shape(key, 2)
        side = round((inputs / channels) ** 0.5)
        if channels * side * side != inputs:
            raise ValueError(explain(
                "the pixels of a patch must make a square", key=key, shape=(dim, inputs),
                channels=channels, fix="pass image_shape=(height, width, channels)"))
        return dim, channels, side
    kernel = state.shape(key, 4)
    dim, channels, height, width = (
        kernel if layout.transposed else (kernel[3], kernel[2], *kernel[:2]))
    if height != width:
        raise ValueError(explain("patches must be square", key=key, shape=kernel,
                                 fix="such models are not built here"))
    return dim, channels, height


def _tokens(state: State, layout: Layout) -> dict[str, typing.Any]:
    """Arguments of `vit` on the tokens before the patches. Their sum is the number of tokens."""
    num_tokens = sum(key in state for key in layout.class_token)
    num_registers = 0
    if layout.registers is not None and layout.registers in state:
        num_registers = state.shape(layout.registers, 3)[1]
    return {"class_token": num_tokens > 0, "distillation": num_tokens > 1,
            "num_registers": num_registers}


def _blocks(state: State, layout: Layout, dim: int, num_heads: int | None, published: Heads
            ) -> dict:
    """Arguments of `vit` on the blocks."""
    first, lead, parts = layout.block_key(0), int(layout.stacked), layout.parts
    hidden, output = (state.shape(first + part + layout.kernel, 2 + lead)
                      for part in (parts.hidden, parts.output))
    wide, inner = (hidden[0], output[1]) if layout.transposed else (hidden[-1], output[-2])
    packed = parts.linear == parts.hidden and wide == 2 * inner
    mlp_dim = inner if packed or layout.transposed else wide
    key, names = parts.attention[0]
    read = state.shape(first + key + layout.kernel, 2 if layout.transposed else 3 + lead)
    width = read[0] // len(names) if layout.transposed else read[-2] * read[-1]
    num_heads = _num_heads(width, num_heads if layout.transposed else read[-2], published)
    has_scale = any(first + scale in state for scale in parts.scales.values())
    tables = (first + parts.relative if parts.relative else None, layout.relative)
    return {"num_layers": (hidden[0] if lead
                           else max(state.count(layout.block.partition("{")[0]), 1)),
            "num_heads": num_heads, "key_dim": None if width == dim else width // num_heads,
            "mlp_dim": mlp_dim, "layer_scale": 1.0 if has_scale else None,
            "use_qkv_bias": first + key + layout.bias in state,
            "gated": packed or (parts.linear not in (None, parts.hidden)
                                and f"{first}{parts.linear}{layout.kernel}" in state),
            "use_qk_norm": any(first + norm + layout.scale in state
                               for norm in parts.qk_norms.values()),
            "relative_positions": any(table in state for table in tables if table)}


def _head(state: State, layout: Layout, pooling: str | None, tokens: dict) -> dict:
    """Arguments of `vit` on what comes behind the blocks."""
    num_classes = _width(state, layout, layout.logits)
    if num_classes is None and layout.logits is not None:
        state.missing.append(layout.logits + layout.kernel)
    pooled_norm = layout.has_pooled_norm(state)
    has_bias = num_classes is None or f"{layout.logits}{layout.bias}" in state
    if pooling is None:
        has_probe = layout.probe is not None and layout.probe in state
        reads_token = tokens["class_token"] and not pooled_norm
        pooling = "map" if has_probe else "token" if reads_token else "mean"
    return {"num_classes": num_classes or 0, "pooling": pooling, "norm_after_pooling": pooled_norm,
            "use_head_bias": has_bias,
            "representation_dim": _width(state, layout, layout.pre_logits)}


def _grid(size: int | typing.Sequence[int | None] | None, patch_size: int) -> Grid | None:
    """Grid of the patches of an image, `None` if its size is unknown."""
    if size is None:
        return None
    height, width = (size, size) if isinstance(size, int) else size[:2]
    if height is None or width is None:
        return None
    return height // patch_size, width // patch_size


def _place(state: State, layout: Layout, num_prefix: int, prefix_positions: bool | None,
           known: list[Grid]) -> tuple[Grid, bool]:
    """Grid of the table of positions, and whether the prefix tokens are in it."""
    key = str(layout.positions)
    rows = state.shape(key, layout.position_rank)[-2]
    counts = {True: rows - num_prefix, False: rows}
    if prefix_positions is not None:
        counts = {prefix_positions: counts[prefix_positions]}
    for grid in known:
        for has_prefix, count in counts.items():
            if grid[0] * grid[1] == count:
                return grid, has_prefix
    for has_prefix, count in counts.items():
        side = round(max(count, 0) ** 0.5)
        if count > 0 and side * side == count:
            return (side, side), has_prefix
    raise ValueError(explain(
        "the table of positions must fit a grid of patches, which is square unless "
        "`image_shape` is that of the images it was made for", key=key, rows=rows,
        prefix_tokens=num_prefix, grids=known, fix="pass image_shape=(height, width, channels)"))


def _num_heads(dim: int, num_heads: int | None, published: Heads) -> int:
    if num_heads is None:
        num_heads = published.get(dim)
    if num_heads is None or num_heads < 1 or dim % num_heads:
        raise ValueError(explain(
            "`num_heads` must divide the width, and be given where no array tells it",
            num_heads=num_heads, embed_dim=dim, fix="pass num_heads=n, or put the config.json of "
            "the checkpoint beside its weights, if it has one"))
    return num_heads


def _width(state: State, layout: Layout, key: str | None) -> int | None:
    """Width of what a dense layer makes, `None` if the file has none."""
    if key is None or key + layout.kernel not in state:
        return None
    return state.shape(key + layout.kernel, 2)[0 if layout.transposed else 1]
