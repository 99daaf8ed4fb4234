"""Which positions a model's blocks read, and which patches of an image its output reads."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_seqattn.inspection.watch import call_with_scores, encoder_blocks, layers_in
from keras_seqattn.layers import AttentionPooling
from keras_seqattn.models import vit_geometry
from keras_seqattn.shapes import Tensor


def attention_scores(model: keras.Model, inputs: Tensor,
                     layers: Sequence[keras.Layer] | None = None) -> list[np.ndarray]:
    """Scores of a model's attention, without changing the model or its output.

    Args:
        model: The blocks may lie anywhere in it.
        inputs: What the model takes, `(B, …)`.
        layers: As for `call_with_scores`. Defaults to all `TransformerEncoderBlock`s.

    Returns:
        One float32 array `(B, N, T, T)` for each block, in the order in which the blocks ran.

    Raises:
        ValueError: the model has no such block.
    """
    return [as_array(each) for each in call_with_scores(model, inputs, layers)[1]]


def attention_maps(model: keras.Model, images: Tensor, block: int = -1) -> np.ndarray:
    """How much of a block's attention each patch of an image receives.

    The map is the mean of the heads. The reader is what the model pools:

    - The class token reads, where there is one.
    - With attention pooling its probe reads. The map of the last block is then that of the probe's
      own scores.
    - Elsewhere all patches read, each as much as the others.

    Args:
        model: Vision Transformer, functional.
        images: Float, `(B, height, width, channels)`, as the model takes them.
        block: Number of the block from 0. A negative number counts from the last block.

    Returns:
        Float, `(B, GH, GW)`. Each map sums to 1, less what class and register tokens receive.

    Raises:
        ValueError: the model is no Vision Transformer.
    """
    scores, pooling = vit_scores(model, images)
    tokens = scores[block].mean(axis=1)                                        # (B, T, T)
    if pooling is not None and block in (-1, len(scores) - 1):
        tokens = np.broadcast_to(np.eye(tokens.shape[-1]), tokens.shape)
    return patches_read(model, images, tokens, None if pooling is None else pooling.mean(axis=1))


def vit_scores(model: keras.Model, images: Tensor) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Scores of a Vision Transformer's blocks, and those of attention pooling or `None`."""
    return apart(model, attention_scores(model, images, attending(model)))


def attending(model: keras.Model) -> list[keras.Layer]:
    """Layers of a Vision Transformer that attend: its blocks, then attention pooling."""
    return [*encoder_blocks(model), *layers_in(model, AttentionPooling)]


def apart(model: keras.Model, found: list) -> tuple:
    """Parts what was found of each attending layer: a list of the blocks', the pooling's or `None`.

    Args:
        model: Vision Transformer.
        found: One thing for each layer of `attending(model)`.
    """
    return (found[:-1], found[-1]) if layers_in(model, AttentionPooling) else (found, None)


def patches_read(model: keras.Model, images: Tensor, tokens: np.ndarray,
                 probe: np.ndarray | None = None) -> np.ndarray:
    """What a Vision Transformer's output reads of each patch, laid over the image.

    Args:
        model: Vision Transformer, functional.
        images: `(B, height, width, channels)`.
        tokens: Float, `(B, T, T)`: how each last token depends on each first one.
        probe: Float, `(B, 1, GH·GW)`: how attention pooling reads the patches among the last
            tokens. `None` stands for a model without attention pooling.

    Returns:
        Float, `(B, GH, GW)`.
    """
    geometry = vit_geometry(model)
    if probe is not None:
        read = probe @ tokens[:, geometry.num_prefix:]                         # (B, 1, T)
    elif geometry.has_class_token:
        read = tokens[:, :1]
    else:
        read = tokens[:, geometry.num_prefix:].mean(axis=1, keepdims=True)
    height, width = (side // geometry.patch_size for side in images.shape[1:3])
    return read[:, 0, geometry.num_prefix:].reshape(-1, height, width)


def as_array(tensor: Tensor) -> np.ndarray:
    """A tensor of any float type as a float32 array."""
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))
