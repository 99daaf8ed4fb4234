"""How alike a model's positions are: whether it knows rows and columns."""

import keras
import numpy as np
from keras import ops

from keras_seqattn.errors import explain
from keras_seqattn.inspection.attention import as_array
from keras_seqattn.layers import LearnedPositionEmbedding, PositionalEncoding
from keras_seqattn.models import vit_geometry


def position_similarity(model: keras.Model) -> np.ndarray:
    """Cosine similarity of the positions of all patches, learned or fixed.

    Args:
        model: Vision Transformer, functional.

    Returns:
        Float, `(GH, GW, GH, GW)`, from -1 to 1. The map `[y, x]` compares the patch in row `y` and
        column `x` with each patch. The grid is that of the position table, without class and
        register tokens.

    Raises:
        ValueError: the model is no Vision Transformer, or has no positions.

    Example:

    >>> from keras_seqattn import models
    >>> model = models.vit("nano", patch_size=8, image_shape=(16, 24, 3), position="sinusoidal")
    >>> similarity = position_similarity(model)
    >>> similarity.shape, similarity[1, 2, 1, 2].round(4).item()
    ((2, 3, 2, 3), 1.0)

    Paper: Dosovitskiy et al. 2021, section 4.5, figure 7 (centre).
    """
    geometry = vit_geometry(model)
    layers = [layer for layer in model.layers
              if isinstance(layer, (LearnedPositionEmbedding, PositionalEncoding))]
    if not layers:
        raise ValueError(explain(
            "the model must add positions to its patches", model=model.name,
            fix="pass a Vision Transformer with position embeddings"))
    grid = layers[0].grid or geometry.grid
    rows = (layers[0].embeddings.shape[0] if isinstance(layers[0], LearnedPositionEmbedding)
            else grid[0] * grid[1])
    nothing = ops.zeros((1, rows, layers[0].output.shape[-1]))
    table = as_array(layers[0](nothing))[0, rows - grid[0] * grid[1]:]         # (GH·GW, D)
    lengths = np.linalg.norm(table, axis=-1, keepdims=True)
    table = table / np.maximum(lengths, np.finfo("float32").tiny)
    return (table @ table.T).reshape(*grid, *grid)
