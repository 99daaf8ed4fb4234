"""Vision Transformers of google-research/big_vision, from their `.npz` files."""

import numpy as np

from keras_seqattn.checkpoints.families.google import flax_parts
from keras_seqattn.checkpoints.weights.layout import Layout, unused
from keras_seqattn.checkpoints.weights.vit import load_vit
from keras_seqattn.layers import gelu_tanh

NORM = "Transformer/encoder_norm/scale"


def waves(grid, embed_dim):
    """The fixed 2-D sine and cosine table of the project, MoCo v3's.

    Args:
        grid: `(GH, GW)` of the patches.
        embed_dim: Width `D`, a multiple of 4.

    Returns:
        NumPy float64, `(GH·GW, D)`: sine and cosine of the column, then of the row, each at `D/4`
        wavelengths from 2π to 20,000π. Chen et al. 2021, "An Empirical Study of Training
        Self-Supervised Vision Transformers", section 4.3.

    >>> waves((1, 2), 4).round(4).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.0, 1.0]]
    """
    quarter = embed_dim // 4
    rates = 10_000.0 ** -(np.arange(quarter) / max(quarter - 1, 1))
    rows, columns = (axis.reshape(-1, 1) * rates for axis in np.indices(grid))
    return np.concatenate([wave(axis) for axis in (columns, rows) for wave in (np.sin, np.cos)],
                          axis=1)


def big_vision(state, image_size=None, image_shape=None, interpolation="corners"):
    """Loads a ViT of google-research/big_vision, on its own or as a tower of a larger model.

    Args:
        state: `State` of the file. Blocks may lie in arrays of their own or on top of each other.
        image_size: Side of the images that the positions were made for, or `(height, width)`.
        image_shape: `(height, width, channels)` that the model is to take; needed where the
            positions are fixed waves, which are not in the file.
        interpolation: How positions are resized; the project's way unless told.

    Returns:
        `keras.Model` as of `models.vit`: class token, mean or attention pooling; tanh GELU,
        epsilon 1e-6.

    Raises:
        ValueError: as for `load_vit`; a part of the file is not built here.
    """
    prefix = next(key.removesuffix(NORM) for key in state
                  if key.endswith(NORM) and key.removesuffix(NORM) + "embedding/kernel" in state)
    stacked = prefix + "Transformer/encoderblock/LayerNorm_0/scale" in state
    layout = Layout(
        kernel="kernel", scale="scale", transposed=False, patches=prefix + "embedding/",
        class_token=(prefix + "cls",), positions=prefix + "pos_embedding",
        block=prefix + f"Transformer/encoderblock{'' if stacked else '_{}'}/",
        parts=flax_parts((0, {"attention_norm": 0, "feed_forward_norm": 1}, 0)),
        norm=prefix + "Transformer/encoder_norm/", probe=prefix + "MAPHead_0/probe",
        pool=flax_parts((0, {"norm": 0}, 0)), pool_prefix=prefix + "MAPHead_0/",
        pre_logits=prefix + "pre_logits/", logits=prefix + "head/")
    model = load_vit(state, layout, image_size=image_size, image_shape=image_shape,
                     interpolation=interpolation, activation=gelu_tanh, prefix_positions=False,
                     waves=waves)
    state.finish(unused(prefix + "(Transformer|embedding|MAPHead_0)/"))
    return model
