"""Figures of what a model attends to, drawn with matplotlib and returned, not shown."""

import numpy as np


def attention_figure(images, maps, titles):
    """Draws each image beside itself under its attention map.

    Args:
        images: `(n, height, width, 3)`, uint8.
        maps: Float, `(n, GH, GW)`, as `attention_maps` returns them.
        titles: One text per image.

    Returns:
        `matplotlib.figure.Figure` of two rows: images, images with maps.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 * len(images), 5.2), layout="constrained")
    axes = figure.subplots(2, len(images), squeeze=False)
    for column, (image, received, title) in enumerate(zip(images, maps, titles, strict=True)):
        height, width = image.shape[:2]
        for axis in axes[:, column]:
            axis.imshow(image, extent=(0, width, height, 0), interpolation="bicubic")
            axis.set_axis_off()
        axes[0, column].set_title(title, fontsize=9)
        axes[1, column].imshow(
            np.asarray(received), extent=(0, width, height, 0), cmap="magma", alpha=0.6,
            interpolation="bilinear")
    return figure
