"""How far apart what reads and what is read lie in an image."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_seqattn.inspection.attention import vit_scores
from keras_seqattn.models import vit_geometry
from keras_seqattn.shapes import Tensor


def attention_distance(scores: np.ndarray, grid: Sequence[int], patch_size: int,
                       num_prefix: int = 0) -> np.ndarray:
    """Mean distance over which each head reads, in pixels.

    The distance is that between the centres of the reading and the read patch. Its weights are the
    scores. Class and register tokens lie nowhere, so they are left out on both sides. What remains
    of a row is brought to a sum of 1.

    Args:
        scores: Scores of a block, `(B, N, T, T)`.
        grid: `(GH, GW)` of the patches.
        patch_size: Side `P` of a patch, in pixels.
        num_prefix: Number of tokens before the patches.

    Returns:
        Float, `(N,)`, in pixels. The mean is over images and reading patches.

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


def attention_distances(model: keras.Model, images: Tensor, batch_size: int = 16) -> np.ndarray:
    """Mean distance over which each head of a Vision Transformer reads, in pixels.

    Args:
        model: Vision Transformer, functional.
        images: Float, `(B, height, width, channels)`, as the model takes them. The paper averages
            over 128 images.
        batch_size: Number of images whose scores are held at once.

    Returns:
        `attention_distance` of each block, float `(L, N)`, in pixels.

    Raises:
        ValueError: the model is no Vision Transformer.
    """
    geometry = vit_geometry(model)
    height, width = (side // geometry.patch_size for side in images.shape[1:3])
    means, sizes = [], []
    for start in range(0, len(images), batch_size):
        part = images[start:start + batch_size]
        scores, _ = vit_scores(model, part)
        means.append([attention_distance(
            each, (height, width), geometry.patch_size, geometry.num_prefix) for each in scores])
        sizes.append(len(part))
    return np.average(means, axis=0, weights=sizes)


def uniform_distance(grid: Sequence[int], patch_size: int) -> float:
    """Distance of a head that reads all patches alike: the mean over all pairs, in pixels.

    Of the pairs of a grid, `(GH - |y|)·(GW - |x|)` lie `y` rows and `x` columns apart.

    >>> uniform_distance((1, 3), 2).round(4).item()
    1.7778
    """
    height, width = grid
    y, x = np.arange(1 - height, height)[:, None], np.arange(1 - width, width)
    pairs = (height - abs(y)) * (width - abs(x))
    return patch_size * (pairs * np.hypot(y, x)).sum() / pairs.sum()
