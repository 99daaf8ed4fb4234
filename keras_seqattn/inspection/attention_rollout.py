"""Which patches an output depends on through all blocks: attention rolled out, and by gradients."""

import numpy as np

from keras_seqattn.errors import explain, nearest
from keras_seqattn.inspection.attention import apart, patches_read, vit_scores
from keras_seqattn.inspection.gradient import score_gradients

FUSES = {"mean": np.mean, "max": np.max, "min": np.min}


def rollout(scores, fuse="mean"):
    """Follows attention from the last block to the first tokens.

    Half of each block's output is taken to come through its attention, half past it.

    Args:
        scores: Scores of the blocks in their order, `(B, N, T, T)` each.
        fuse: How heads become one: `"mean"`, the paper's, `"max"` or `"min"`.

    Returns:
        NumPy float, `(B, T, T)`; row `t` sums to 1 and says how much of last token `t` comes from
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


def gradient_rollout(scores, gradients):
    """Follows, from block to block, the attention that speaks for a class.

    Args:
        scores: Scores of the blocks in their order, `(B, N, T, T)` each.
        gradients: Gradients of the class' logit by the scores, alike.

    Returns:
        NumPy float, `(B, T, T)`: relevance of each first token for each last one. Not negative;
        the identity, which is there without attention, is included.

    Cost: `L·T³` multiply-adds per example.
    Paper: Chefer, Gur and Wolf 2021, "Generic Attention-model Explainability", section 3.1,
    equations 5 and 6.
    """
    total = np.eye(scores[0].shape[-1])
    for each, slope in zip(scores, gradients, strict=True):
        total = total + _relevant(each, slope) @ total
    return total


def rollout_maps(model, images, fuse="mean"):
    """How much of a Vision Transformer's output comes from each patch, by `rollout`.

    Args:
        model: Vision Transformer, functional.
        images: Float, `(B, height, width, channels)`, as the model takes them.
        fuse: As for `rollout`; of the heads of attention pooling the mean is taken.

    Returns:
        NumPy float, `(B, GH, GW)`; each map sums to 1, less what comes from class and register
        tokens.

    Raises:
        ValueError: the model is no Vision Transformer; `fuse` is unknown.
    """
    scores, pooling = vit_scores(model, images)
    return patches_read(model, images, rollout(scores, fuse),
                        None if pooling is None else pooling.mean(axis=1))


def gradient_rollout_maps(model, images, classes=None):
    """How much each patch of an image speaks for a class, by `gradient_rollout`.

    Args:
        model: Vision Transformer that classifies, functional.
        images: Float, `(B, height, width, channels)`, as the model takes them.
        classes: One class per image, `(B,)`. Defaults to those with the highest logits.

    Returns:
        NumPy float, `(B, GH, GW)`, not negative, without the identity that is there in any case.

    Raises:
        ValueError: the model is no Vision Transformer, or returns no logits; a class is unknown.

    Cost: two calls of the model and one backward pass.
    """
    blocks, pooling = apart(model, score_gradients(model, images, classes))
    tokens = gradient_rollout(*zip(*blocks, strict=True))
    if pooling is None:
        return patches_read(model, images, tokens - np.eye(tokens.shape[-1]))
    return patches_read(model, images, tokens, _relevant(*pooling))


def _relevant(scores, slopes):
    return np.maximum(scores * slopes, 0).mean(axis=1)
