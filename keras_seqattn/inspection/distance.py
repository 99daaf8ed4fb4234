"""How far apart what reads and what is read lie in an image."""

import numpy as np

from keras_seqattn.inspection.attention import vit_scores
from keras_seqattn.models import vit_geometry


def attention_distance(scores, grid, patch_size, num_prefix=0):
    """Mean distance over which each head reads, in pixels.

    The distance between the centres of the reading and the read patch, weighted with the scores.
    Class and register tokens lie nowhere: they are left out on both sides, and what remains of a
    row is brought to a sum of 1.

    Args:
        scores: Scores of a block, `(B, N, T, T)`.
        grid: `(GH, GW)` of the patches.
        patch_size: Side `P` of a patch, in pixels.
        num_prefix: Number of tokens before the patches.

    Returns:
        NumPy float, `(N,)`: the mean over images and reading patches, in pixels.

    Example: what reads only itself, and what reads 3 patches of 2 pixels alike.

    >>> attention_distance(np.eye(3)[None, None], (1, 3), 2).tolist()
    [0.0]
    >>> attention_distance(np.full((1, 1, 3, 3), 1 / 3), (1, 3), 2).round(4).tolist()
    [1.7778]

    Paper: Dosovitskiy et al. 2021, section 4.5 and appendix D.7, figures 7 (right) and 11.
    """
    places = np.argwhere(np.ones(grid)) * patch_size                           # (T, 2)
    distances = np.linalg.norm(places[:, None] - places, axis=-1)              # (T, T)
    read = scores[:, :, num_prefix:, num_prefix:]
    rows = np.maximum(read.sum(axis=-1), np.finfo("float32").tiny)             # (B, N, T)
    return ((read * distances).sum(axis=-1) / rows).mean(axis=(0, 2))


def attention_distances(model, images, batch_size=16):
    """Mean distance over which each head of a Vision Transformer reads, in pixels.

    Args:
        model: Vision Transformer, functional.
        images: Float, `(B, height, width, channels)`, as the model takes them; the paper averages
            over 128.
        batch_size: Number of images whose scores are held at once.

    Returns:
        NumPy float, `(L, N)`, in pixels; `attention_distance` of each block.

    Raises:
        ValueError: the model is no Vision Transformer.
    """
    geometry = vit_geometry(model)
    grid = tuple(side // geometry.patch_size for side in images.shape[1:3])
    total = 0.0
    for start in range(0, len(images), batch_size):
        part = images[start:start + batch_size]
        scores, _ = vit_scores(model, part)
        total += len(part) * np.stack([attention_distance(
            each, grid, geometry.patch_size, geometry.num_prefix) for each in scores])
    return total / len(images)


def uniform_distance(grid, patch_size):
    """Distance of a head that reads all patches alike: the mean over all pairs, in pixels.

    Of the pairs of a grid, `(GH - |y|)·(GW - |x|)` lie `y` rows and `x` columns apart.

    >>> uniform_distance((1, 3), 2).round(4).item()
    1.7778
    """
    height, width = grid
    y, x = np.arange(1 - height, height)[:, None], np.arange(1 - width, width)
    pairs = (height - abs(y)) * (width - abs(x))
    return patch_size * (pairs * np.hypot(y, x)).sum() / pairs.sum()
