"""Which positions a model's blocks read, without changing the model or its output."""

import keras
import numpy as np

from keras_seqattn.errors import explain
from keras_seqattn.layers import ClassToken, PatchEmbedding, TransformerEncoderBlock


def attention_scores(model, inputs):
    """Scores of every encoder block.

    Args:
        model: Functional `keras.Model` with `TransformerEncoderBlock`s on its top level.
        inputs: What the model takes, `(B, …)`.

    Returns:
        List with one float array `(B, N, T, T)` per block, in the model's order.

    Raises:
        ValueError: the model has no such block.
    """
    blocks = [layer for layer in model.layers if isinstance(layer, TransformerEncoderBlock)]
    if not blocks:
        raise ValueError(explain(
            "the model must have a TransformerEncoderBlock on its top level", model=model.name,
            fix="pass the functional model that holds the blocks"))
    entering = keras.Model(model.input, [block.input for block in blocks])(inputs)
    scores = [block(x, return_attention_scores=True)[1]
              for block, x in zip(blocks, keras.tree.flatten(entering), strict=True)]
    return [keras.ops.convert_to_numpy(each) for each in scores]


def attention_maps(model, images):
    """How much of the last block's attention each patch of an image receives.

    Averages over the heads; read by the class token where the model has one, else by all patches
    alike, as its average pooling does.

    Args:
        model: Vision Transformer, functional.
        images: Float, `(B, height, width, channels)`, as the model takes them.

    Returns:
        NumPy float, `(B, GH, GW)`; each map sums to 1, less what a class token reads of itself.
    """
    patches = next(layer for layer in model.layers if isinstance(layer, PatchEmbedding))
    grid = [side // patches.patch_size for side in images.shape[1:3]]
    scores = attention_scores(model, images)[-1].mean(axis=1)                  # (B, T, T)
    if any(isinstance(layer, ClassToken) for layer in model.layers):
        received = scores[:, 0, 1:]
    else:
        received = scores.mean(axis=1)
    return np.reshape(received, (-1, *grid))
