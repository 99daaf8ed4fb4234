"""Figures of what a model sees and attends to, drawn with matplotlib and returned, not shown."""

import typing
from collections.abc import Sequence

import numpy as np

from keras_seqattn.errors import explain
from keras_seqattn.inspection.canvas import BLUE, ORANGE, canvas, overlay, picture

if typing.TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator


def attention_figure(images: np.ndarray, maps: np.ndarray, titles: Sequence[str],
                     scale: str = "share of the attention") -> "Figure":
    """Draws each image, and below each the image in grey under its attention map.

    Args:
        images: `(n, height, width, 3)`, uint8.
        maps: Float, `(n, GH, GW)`, such as `attention_maps` or `rollout_maps` returns.
        titles: One text per image.
        scale: What the numbers of a map are.

    Returns:
        A figure of two rows: images, then images with maps. Each map has its own scale of colours,
        which begins at 0.
    """
    figure = canvas(2.7 * len(images) + 0.3, 5.9)
    axes = figure.subplots(2, len(images), squeeze=False)
    for column, (image, received, title) in enumerate(zip(images, maps, titles, strict=True)):
        picture(axes[0, column], image)
        drawn = overlay(axes[1, column], image, received)
        for axis in axes[:, column]:
            axis.set_axis_off()
        axes[0, column].set_title(title, fontsize=10)
        bar = figure.colorbar(drawn, ax=axes[1, column], location="bottom", shrink=0.9, label=scale)
        typing.cast("QuadMesh", bar.solids).set_alpha(1)
        bar.locator = _ticks(3)
    return figure


def distance_figure(distances: np.ndarray, uniform: float,
                    image_shape: Sequence[int]) -> "Figure":
    """Draws over which distance each head of each block reads.

    Args:
        distances: Float, `(L, N)`, in pixels, as `attention_distances` returns.
        uniform: Distance of a head that reads all patches alike, as `uniform_distance` returns.
        image_shape: `(height, width, …)` of the images, in pixels.

    Returns:
        A figure with a dot per head, above the number of the block of the head, from 1.
    """
    figure = canvas(6.4, 4.4)
    axis = figure.subplots()
    depth = np.arange(1, len(distances) + 1)
    axis.plot(np.repeat(depth, distances.shape[1]), distances.ravel(), "o", color=BLUE,
              alpha=0.65, markersize=6, label="a head")
    axis.plot(depth, distances.mean(axis=1), color=BLUE, linewidth=1.2, label="mean of the heads")
    axis.axhline(uniform, color=ORANGE, linestyle="--", linewidth=1.2,
                 label="all patches read alike")
    axis.set_title("Mean attention distance of each head", fontsize=11)
    axis.set_xlabel("block")
    axis.set_ylabel("mean attention distance (pixels)")
    axis.xaxis.set_major_locator(_ticks(12))
    axis.set_ylim(0, 1.1 * max(distances.max(), uniform))
    height, width = image_shape[:2]
    axis.legend(fontsize=9, title=f"images of {width} × {height} pixels", title_fontsize=9)
    return figure


def position_figure(similarity: np.ndarray) -> "Figure":
    """Draws for each patch how alike its position is to those of all patches.

    Args:
        similarity: Float, `(GH, GW, GH, GW)`, as `position_similarity` returns.

    Returns:
        A figure with a small map for each patch, at the place of the patch.
    """
    height, width = similarity.shape[:2]
    sheet = np.full((height * (height + 1) - 1, width * (width + 1) - 1), np.nan)
    for row, column in np.ndindex(height, width):
        top, left = row * (height + 1), column * (width + 1)
        sheet[top:top + height, left:left + width] = similarity[row, column]
    figure = canvas(6.6, 1.0 + 5.0 * max(height / width, 0.4), layout="compressed")
    axis = figure.subplots()
    drawn = axis.imshow(sheet, cmap="viridis", vmin=-1, vmax=1, interpolation="nearest")
    for side, name, set_ticks in ((height, "row", axis.set_yticks),
                                  (width, "column", axis.set_xticks)):
        shown = np.arange(0, side, max(1, -(-side // 16)))
        set_ticks(shown * (side + 1) + (side - 1) / 2, shown + 1, fontsize=9)
        getattr(axis, f"set_{'y' if name == 'row' else 'x'}label")(f"{name} of the patch")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_title("Similarity of each position to all positions", fontsize=11)
    figure.colorbar(drawn, ax=axis, label="cosine similarity")
    return figure


def filter_figure(components: np.ndarray, shares: np.ndarray) -> "Figure":
    """Draws principal components of the patch filters, row by row.

    Args:
        components: Float, `(K, P, P, channels)`, as `patch_filters` returns. There must be 1 or 3
            channels.
        shares: Float, `(K,)`, as `patch_filters` returns.

    Returns:
        A figure of the components, the share of each above. Grey stands for 0. The largest number
        of a component stands at the end of the scale.

    Raises:
        ValueError: the filters have neither 1 channel nor 3.
    """
    if components.shape[-1] not in (1, 3):
        raise ValueError(explain(
            "filters to be shown must have 1 channel or 3", channels=components.shape[-1],
            fix="show some channels, components[..., :3]"))
    columns = min(7, len(components))
    rows = -(-len(components) // columns)
    figure = canvas(max(1.0 * columns, 4.2), 1.22 * rows + 0.5)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, component, share in zip(axes, components, shares, strict=False):
        axis.imshow(0.5 + 0.5 * component / abs(component).max(), cmap="gray", vmin=0, vmax=1,
                    interpolation="nearest")
        axis.set_title(f"{share:.1%}", fontsize=9)
    patch = " × ".join(str(side) for side in components.shape[1:3])
    figure.suptitle(f"Principal components of the {patch} filters", fontsize=11)
    return figure


def ranges_figure(ranges: dict[str, dict[str, np.ndarray]]) -> "Figure":
    """Draws the ranges of what flows through the blocks.

    Args:
        ranges: As `activation_ranges` returns.

    Returns:
        A figure with a panel for the residual stream and for each other place. A panel shows:

        - a band from 0.1 % to 99.9 %;
        - the standard deviation;
        - the outermost numbers.

        The last panel shows for each place the ratio of the widest feature to the median one.
    """
    figure = canvas(10.2, 6.6)
    axes = figure.subplots(2, 3)
    num_blocks = len(ranges["input"]["min"])
    stream = {name: np.append(np.stack([ranges["input"][name], ranges["after_attention"][name]],
                                       axis=1).ravel(), ranges["output"][name][-1])
              for name in ranges["input"]}
    block = np.arange(1, num_blocks + 1)
    parts = {
        "residual stream": (np.arange(2 * num_blocks + 1) / 2 + 0.5, stream),
        "norm before attention": (block, ranges["attention_norm"]),
        "output of attention": (block, ranges["attention"]),
        "norm before the MLP": (block, ranges["feed_forward_norm"]),
        "hidden layer of the MLP": (block, ranges["hidden"])}
    for axis, (title, (depth, values)) in zip(axes.ravel(), parts.items(), strict=False):
        _band(axis, depth, values)
        axis.set_title(title, fontsize=10)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=4,
                  fontsize=8)
    for (title, (depth, values)), marker, shade in zip(
            parts.items(), "os^Dv", _shades(len(parts)), strict=True):
        axes[1, 2].plot(depth, values["channel_ratio"], marker=marker, markersize=4, linewidth=1,
                        label=title, color=shade)
    _ratio_axis(axes[1, 2])
    for axis in axes.ravel():
        axis.xaxis.set_major_locator(_ticks(8))
        axis.set_xlim(0.4, num_blocks + 0.6)
    for axis in axes[1]:
        axis.set_xlabel("block")
    for axis in axes[:, 0]:
        axis.set_ylabel("activation")
    figure.suptitle("Ranges of activations", fontsize=11)
    return figure


def _band(axis: "Axes", depth: np.ndarray, values: dict[str, np.ndarray]) -> None:
    axis.fill_between(depth, values["low"], values["high"], color=BLUE, alpha=0.25, linewidth=0,
                      label="0.1 % to 99.9 %")
    axis.plot(depth, values["std"], color=BLUE, linewidth=1.2, label="standard deviation")
    axis.plot(depth, values["max"], "^", color=ORANGE, markersize=4, label="maximum")
    axis.plot(depth, values["min"], "v", color=ORANGE, markersize=4, label="minimum")


def _ratio_axis(axis: "Axes") -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set(yscale="log", ylabel="widest feature / median one")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter("{x:g}")
    lowest, highest = axis.get_ylim()
    axis.set_ylim(lowest, highest * (highest / lowest) ** 0.8)  # room for the names
    axis.set_title("outlying features", fontsize=10)
    axis.legend(fontsize=8, loc="upper left")


def _shades(number: int) -> np.ndarray:
    from matplotlib import colormaps

    return colormaps["viridis"](np.linspace(0, 0.85, number))


def _ticks(number: int) -> "MaxNLocator":
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(number, integer=number > 3)
