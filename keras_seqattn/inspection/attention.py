"""Which positions a model's blocks read, and which patches of an image its output reads."""

import numpy as np
from keras import ops

from keras_seqattn.inspection.watch import call_with_scores, encoder_blocks, layers_in
from keras_seqattn.layers import AttentionPooling
from keras_seqattn.models import vit_geometry


def attention_scores(model, inputs, layers=None):
    """Scores of a model's attention, without changing the model or its output.

    Args:
        model: `keras.Model`; the blocks may lie anywhere in it.
        inputs: What the model takes, `(B, …)`.
        layers: As for `call_with_scores`. Defaults to all `TransformerEncoderBlock`s.

    Returns:
        List of NumPy float32 arrays, one `(B, N, T, T)` for each block, in the order in which they
        ran.

    Raises:
        ValueError: the model has no such block.
    """
    return [as_array(each) for each in call_with_scores(model, inputs, layers)[1]]


def attention_maps(model, images, block=-1):
    """How much of a block's attention each patch of an image receives.

    Averages over the heads. The reader is what the model pools: its class token; the probe of
    attention pooling, whose own scores then are the map of the last block; or all patches alike.

    Args:
        model: Vision Transformer, functional.
        images: Float, `(B, height, width, channels)`, as the model takes them.
        block: Number of the block, from 0 or, negative, from the last.

    Returns:
        NumPy float, `(B, GH, GW)`; each map sums to 1, less what is read of class and register
        tokens.

    Raises:
        ValueError: the model is no Vision Transformer.
    """
    scores, pooling = vit_scores(model, images)
    tokens = scores[block].mean(axis=1)                                        # (B, T, T)
    if pooling is not None and block in (-1, len(scores) - 1):
        tokens = np.broadcast_to(np.eye(tokens.shape[-1]), tokens.shape)
    return patches_read(model, images, tokens, None if pooling is None else pooling.mean(axis=1))


def vit_scores(model, images):
    """Scores of a Vision Transformer's blocks, and those of attention pooling or `None`."""
    return apart(model, attention_scores(model, images, attending(model)))


def attending(model):
    """Layers of a Vision Transformer that attend, in their order: blocks, attention pooling."""
    return [*encoder_blocks(model), *layers_in(model, AttentionPooling)]


def apart(model, found):
    """What was found of each attending layer: a list of the blocks', the pooling's or `None`."""
    return (found[:-1], found[-1]) if layers_in(model, AttentionPooling) else (found, None)


def patches_read(model, images, tokens, probe=None):
    """What a Vision Transformer's output reads of each patch, laid over the image.

    Args:
        model: Vision Transformer, functional.
        images: `(B, height, width, channels)`.
        tokens: Float, `(B, T, T)`: how each last token depends on each first one.
        probe: Float, `(B, 1, T)`: how attention pooling reads the last tokens, if it does.

    Returns:
        NumPy float, `(B, GH, GW)`.
    """
    geometry = vit_geometry(model)
    if probe is not None:
        read = probe @ tokens                                                  # (B, 1, T)
    elif geometry.has_class_token:
        read = tokens[:, :1]
    else:
        read = tokens[:, geometry.num_prefix:].mean(axis=1, keepdims=True)
    height, width = (side // geometry.patch_size for side in images.shape[1:3])
    return read[:, 0, geometry.num_prefix:].reshape(-1, height, width)


def as_array(tensor):
    """A tensor of any float type as a NumPy array, float32."""
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))
