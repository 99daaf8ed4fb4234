"""Vision Transformers of any layout: sizes read from the arrays, then the weights."""

import numpy as np

from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.errors import explain
from keras_seqattn.layers.grid import resize_grid
from keras_seqattn.models import vit
from keras_seqattn.models.vision_transformer import SIZES

# Heads of the published widths; others have heads of 64.
HEADS = {dim: num_heads for _, num_heads, dim, _ in SIZES.values() if dim != 128} | {
    1152: 16, 1408: 16, 1664: 16}


def load_vit(state, layout, *, image_size=None, image_shape=None, num_heads=None, pooling=None,
             interpolation="bilinear", epsilon=1e-6, activation="gelu", prefix_positions=None,
             waves=None, **options):
    """Builds a Vision Transformer of the sizes that its arrays have, and fills it.

    Args:
        state: `State` of the arrays.
        layout: `Layout` of the keys.
        image_size: Side of the images that the positions were made for, or `(height, width)`.
        image_shape: `(height, width, channels)` of the images that the model is to take, if they
            are others; `None` for height and width lets it take any.
        num_heads: Number of heads `N`, where no array tells.
        pooling: As for `vit`. Defaults to what the keys tell.
        interpolation: How positions are resized, as in `layers.grid.resize_grid`.
        epsilon: Added to the variance in the norms.
        activation: Inside the feed-forward networks.
        prefix_positions: Whether the tokens before the patches have positions. Defaults to what
            the number of positions tells.
        waves: Function from a grid and a width to the table of positions, if the file may have
            none.
        **options: Further arguments of `models.vit`.

    Returns:
        `keras.Model` as of `models.vit`.

    Raises:
        ValueError: an array is missing or of another shape; patches are not square; no grid fits
            the positions; `num_heads` cannot be told or is wrong.
    """
    def has(key, name=""):
        return key is not None and key + name in state

    kernel = state.shape(layout.patches + layout.kernel, 4)
    dim, channels, patch_size, width = (
        kernel if layout.transposed else (kernel[3], kernel[2], *kernel[:2]))
    if patch_size != width:
        raise ValueError(explain("patches must be square", key=layout.patches + layout.kernel,
                                 shape=kernel, fix="such models are not built here"))
    first, lead = layout.block.format(0), int(layout.stacked)
    hidden = state.shape(first + layout.parts.hidden + layout.kernel, 2 + lead)
    read = first + layout.parts.attention[0][0]
    if not layout.transposed:
        num_heads = state.shape(read + layout.kernel, 3 + lead)[-2]
    num_heads = _num_heads(dim, num_heads)
    num_classes = _width(state, layout, layout.logits)
    if num_classes is None and layout.logits is not None:
        state.missing.append(layout.logits + layout.kernel)
    num_tokens = sum(key in state for key in layout.class_token)
    num_registers = state.shape(layout.registers, 3)[1] if has(layout.registers) else 0
    pooled_norm = has(layout.pooled_norm, layout.scale)
    if pooling is None:
        token = num_tokens and not pooled_norm
        pooling = "map" if has(layout.probe) else "token" if token else "mean"

    grid, prefix_positions = _place(
        state, layout, waves, num_tokens + num_registers, prefix_positions,
        [_grid(size, patch_size) for size in (image_size, image_shape)])
    if image_shape is None:
        image_shape = (grid[0] * patch_size, grid[1] * patch_size, channels)
    if len(image_shape) != 3 or image_shape[2] != channels:
        raise ValueError(explain(
            "`image_shape` must be (height, width, channels) with the channels of the checkpoint",
            image_shape=tuple(image_shape), channels=channels, fix="change it"))
    new_grid = _grid(image_shape, patch_size)
    model = vit(
        "base", patch_size, tuple(image_shape), num_classes or 0, pooling=pooling,
        num_layers=hidden[0] if lead else state.count(layout.block.partition("{")[0]),
        num_heads=num_heads, embed_dim=dim,
        mlp_dim=hidden[0] if layout.transposed else hidden[-1], class_token=num_tokens > 0,
        num_registers=num_registers, distillation=num_tokens > 1, epsilon=epsilon,
        prefix_positions=prefix_positions, grid=None if new_grid else grid,
        interpolation=interpolation, activation=activation, norm_after_pooling=pooled_norm,
        layer_scale=1.0 if any(
            has(first, key) for key in layout.parts.scales.values()) else None,
        use_qkv_bias=has(read, "bias"), representation_dim=_width(state, layout, layout.pre_logits),
        **options)

    positions = model.get_layer("positions")
    if waves is not None and layout.positions not in state:
        positions.trainable = False
        hand_over(positions.embeddings, waves(new_grid, dim))
    elif new_grid not in (None, grid):
        table = np.asarray(state.read(layout.positions), "float64")[0]
        state.replace(layout.positions, resize_grid(
            table, grid, new_grid, positions.num_prefix, interpolation)[None])
    for link in layout.of(state).links(model):
        if link.weights[0] is not positions.embeddings or layout.positions in state:
            link.fill(state)
    return model


def _grid(size, patch_size):
    """Grid of the patches of an image, `None` if its size is unknown."""
    if size is None:
        return None
    height, width = (size, size) if isinstance(size, int) else size[:2]
    return None if None in (height, width) else (height // patch_size, width // patch_size)


def _place(state, layout, waves, num_prefix, prefix_positions, known):
    """Grid of the table of positions, and whether the prefix tokens are in it."""
    known = [grid for grid in known if grid is not None]
    if waves is not None and layout.positions not in state:
        if not known:
            raise ValueError(explain(
                "`image_shape` is needed, since the file has no table of positions",
                image_shape=None, fix="pass image_shape=(height, width, channels)"))
        return known[0], False
    rows = state.shape(layout.positions, 3)[1]
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
        "`image_shape` is that of the images it was made for", key=layout.positions, rows=rows,
        prefix_tokens=num_prefix, grids=known, fix="pass image_shape=(height, width, channels)"))


def _num_heads(dim, num_heads):
    if num_heads is None:
        num_heads = HEADS.get(dim, dim // 64 if dim % 64 == 0 else None)
    if num_heads is None or dim % num_heads:
        raise ValueError(explain(
            "`num_heads` must divide the width, and be given where no array tells it",
            num_heads=num_heads, embed_dim=dim, fix="pass num_heads=n"))
    return num_heads


def _width(state, layout, key):
    """Width of what a dense layer makes, `None` if the file has none."""
    if key is None or key + layout.kernel not in state:
        return None
    return state.shape(key + layout.kernel, 2)[0 if layout.transposed else 1]
