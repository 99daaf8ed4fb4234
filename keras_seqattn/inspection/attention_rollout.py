"""Which patches an output depends on through all blocks: attention rolled out, and by gradients."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from keras_seqattn.errors import explain, nearest
from keras_seqattn.inspection.attention import apart, patches_read, vit_scores
from keras_seqattn.inspection.gradient import score_gradients
from keras_seqattn.shapes import Tensor

FUSES: dict[str, Callable[..., np.ndarray]] = {"mean": np.mean, "max": np.max, "min": np.min}


def rollout(scores: Sequence[np.ndarray], fuse: str = "mean") -> np.ndarray:
    """Follows attention from the last block to the first tokens.

    Half of each block's output is taken to come through its attention, and half past it.

    Args:
        scores: Scores of the blocks in their order, `(B, N, T, T)` each.
        fuse: How heads become one. The paper takes the `"mean"`; `"max"` and `"min"` are known too.

    Returns:
        Float, `(B, T, T)`. Row `t` sums to 1. The row says how much of last token `t` comes from
        each first token.

    Raises:
        ValueError: `fuse` is unknown.

    Example:

    >>> rollout([np.full((1, 3, 2, 2), 0.5)] * 2).tolist()
    [[[0.625, 0.375], [0.375, 0.625]]]

    Cost: `L·T³` multiply-adds per example.
    Paper: Abnar and Zuidema 2020, section 3, equation 1.
    """
    if fuse not in FUSES:
        raise ValueError(explain("`fuse` is not known", fuse=fuse, fix=nearest(fuse, FUSES)))
    total = np.eye(scores[0].shape[-1])
    for each in scores:
        mixed = FUSES[fuse](each, axis=1) + np.eye(each.shape[-1])
        total = mixed / mixed.sum(axis=-1, keepdims=True) @ total
    return total


def gradient_rollout(scores: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> np.ndarray:
    """Follows from block to block the attention that speaks for a class.

    Args:
        scores: Scores of the blocks in their order, `(B, N, T, T)` each.
        gradients: Gradients of the class' logit by the scores, in the shapes of the scores.

    Returns:
        Float, `(B, T, T)`: relevance of each first token for each last one, not negative. The
        identity is included, since a token is relevant for itself without any attention.

    Cost: `L·T³` multiply-adds per example.
    Paper: Chefer et al. 2021 (Generic Attention-model Explainability), section 3.1, equations 5
    and 6.
    """
    total = np.eye(scores[0].shape[-1])
    for each, slope in zip(scores, gradients, strict=True):
        total = total + _relevant(each, slope) @ total
    return total


def rollout_maps(model: keras.Model, images: Tensor, fuse: str = "mean") -> np.ndarray:
    """How much of a Vision Transformer's output comes from each patch, by `rollout`.

    Args:
        model: Vision Transformer, functional.
        images: Float, `(B, height, width, channels)`, as the model takes them.
        fuse: As for `rollout`. Of the heads of attention pooling the mean is always taken.

    Returns:
        Float, `(B, GH, GW)`. Each map sums to 1, less what comes from class and register tokens.

    Raises:
        ValueError: the model is no Vision Transformer, or `fuse` is unknown.
    """
    scores, pooling = vit_scores(model, images)
    return patches_read(model, images, rollout(scores, fuse),
                        None if pooling is None else pooling.mean(axis=1))


def gradient_rollout_maps(model: keras.Model, images: Tensor,
                          classes: Sequence[int] | None = None) -> np.ndarray:
    """How much each patch of an image speaks for a class, by `gradient_rollout`.

    Args:
        model: Vision Transformer that classifies, functional.
        images: Float, `(B, height, width, channels)`, as the model takes them.
        classes: One class per image, `(B,)`. Defaults to those with the highest logits.

    Returns:
        Float, `(B, GH, GW)`, not negative. The identity of `gradient_rollout` is taken out.

    Raises:
        ValueError: the model is no Vision Transformer that returns logits, or a class is unknown.

    Cost: two calls of the model and one backward pass.
    """
    blocks, pooling = apart(model, score_gradients(model, images, classes))
    tokens = gradient_rollout(*zip(*blocks, strict=True))
    if pooling is None:
        return patches_read(model, images, tokens - np.eye(tokens.shape[-1]))
    return patches_read(model, images, tokens, _relevant(*pooling))


def _relevant(scores: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    return np.maximum(scores * slopes, 0).mean(axis=1)
