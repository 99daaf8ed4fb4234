"""Vision Transformers of google-research/big_vision, as `.npz` files."""

import keras
import numpy as np

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.families.google import flax_parts
from keras_seqattn.checkpoints.weights.layout import Layout, unused
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.checkpoints.weights.vision_transformer import load_vit
from keras_seqattn.layers import gelu_tanh


def waves(grid: tuple[int, int], embed_dim: int) -> np.ndarray:
    """The fixed 2-D table of positions that the project takes from MoCo v3.

    Args:
        grid: `(GH, GW)` of the patches.
        embed_dim: Width `D`, a multiple of 4.

    Returns:
        NumPy float64, `(GH·GW, D)`. Sine and cosine of the column come before those of the row.
        Each has `D/4` wavelengths from 2π to 20,000π.

    >>> waves((1, 2), 4).round(4).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.0, 1.0]]

    Paper: Chen et al. 2021, "An Empirical Study of Training Self-Supervised Vision Transformers",
    section 4.3.
    """
    quarter = embed_dim // 4
    rates = 10_000.0 ** -(np.arange(quarter) / max(quarter - 1, 1))
    rows, columns = (axis.reshape(-1, 1) * rates for axis in np.indices(grid))
    return np.concatenate([wave(axis) for axis in (columns, rows) for wave in (np.sin, np.cos)],
                          axis=1)


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         interpolation: str = "corners") -> keras.Model:
    """Loads a ViT, on its own or as a tower of a larger model.

    Args:
        state: `State` of the file. Blocks may lie in arrays of their own or on top of each other.
        config: Content of `config.json`. The positions were made for images of its `image_size`,
            in pixels: a side or `(height, width)`.
        image_shape: `(height, width, channels)` that the model is to take. It is needed where the
            positions are fixed waves, which are not in the file.
        interpolation: How positions are resized. The default is the project's way.

    Returns:
        Model as of `models.vit`, with tanh GELU and an epsilon of 1e-6. It pools a class token,
        the mean or by attention.

    Raises:
        ValueError: as for `load_vit`. Or a part of the file is not built here.
    """
    model = load_vit(state, _layout(state), image_size=config.get("image_size"),
                     image_shape=image_shape, interpolation=interpolation, activation=gelu_tanh,
                     prefix_positions=False, waves=waves)
    state.finish(unused("(Transformer|embedding|MAPHead_0)/"))
    return model


def _layout(state: State) -> Layout:
    stacked = "Transformer/encoderblock/LayerNorm_0/scale" in state
    return Layout(
        kernel="kernel", scale="scale", transposed=False, patches="embedding/",
        class_token=("cls",), positions="pos_embedding",
        block=f"Transformer/encoderblock{'' if stacked else '_{}'}/",
        parts=flax_parts(attention=0, norms={"attention_norm": 0, "feed_forward_norm": 1}, mlp=0),
        norm="Transformer/encoder_norm/", probe="MAPHead_0/probe",
        pool=flax_parts(attention=0, norms={"norm": 0}, mlp=0), pool_prefix="MAPHead_0/",
        pre_logits="pre_logits/", logits="head/")


FAMILY = Family("big_vision", load, keys=(
    r"Transformer/encoderblock(_0)?/LayerNorm_1/scale", r"embedding/kernel"))
