"""Vision Transformers of google-research/vision_transformer, as `.npz` files."""

import pathlib
import typing

import keras
import numpy as np

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.checkpoints.weights.vision_transformer import load_vit
from keras_seqattn.errors import explain
from keras_seqattn.layers import gelu_tanh


def flax_parts(attention: int, norms: dict[str, int], mlp: int) -> Parts:
    """Keys inside a block whose layers Flax has numbered.

    Args:
        attention: Number of the attention.
        norms: Dictionary from the names of the norms here to their numbers.
        mlp: Number of the feed-forward network.
    """
    prefix = f"MultiHeadDotProductAttention_{attention}/"
    return Parts(
        attention=tuple((f"{prefix}{key}/", (name,)) for key, name in (
            ("query", "query"), ("key", "key"), ("value", "value"), ("out", "output"))),
        hidden=f"MlpBlock_{mlp}/Dense_0/", output=f"MlpBlock_{mlp}/Dense_1/",
        norms={name: f"LayerNorm_{number}/" for name, number in norms.items()})


LAYOUT = Layout(
    kernel="kernel", scale="scale", transposed=False, patches="embedding/",
    class_token=("cls",), positions="Transformer/posembed_input/pos_embedding",
    block="Transformer/encoderblock_{}/",
    parts=flax_parts(attention=1, norms={"attention_norm": 0, "feed_forward_norm": 2}, mlp=3),
    norm="Transformer/encoder_norm/", pre_logits="pre_logits/", logits="head/")
# Before the patches, the hybrids have convolutions.
COMPUTED = r"(Transformer|embedding|conv_root|block\d+)/"


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         interpolation: str = "corners") -> keras.Model:
    """Loads a ViT that pools a class token or the mean.

    Args:
        state: `State` of the file.
        config: Content of `config.json`. The positions were made for images of its `image_size`,
            in pixels: a side or `(height, width)`.
        image_shape: `(height, width, channels)` that the model is to take.
        interpolation: How positions are resized. The default is the project's way.

    Returns:
        Model as of `models.vit`, with tanh GELU and an epsilon of 1e-6.

    Raises:
        ValueError: as for `load_vit`. Or a part of the file is not built here.
    """
    model = load_vit(state, LAYOUT, image_size=config.get("image_size"), image_shape=image_shape,
                     interpolation=interpolation, activation=gelu_tanh, prefix_positions=True)
    state.finish(unused(COMPUTED))
    return model


def save(model: keras.Model, path: pathlib.Path) -> None:
    """Writes a ViT.

    Args:
        model: As `models.vit` builds it.
        path: File to write.

    Raises:
        ValueError: the format cannot hold a part of the model.
    """
    foreign = _foreign_part(model)
    if foreign is not None:
        raise ValueError(explain(
            "`npz-google` must be able to hold every part of the model", model=model.name,
            part=foreign, fix="save it as safetensors"))
    arrays: dict[str, typing.Any] = {}
    for link in LAYOUT.links(model):
        arrays |= link.read()
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def _foreign_part(model: keras.Model) -> str | None:
    """Names the first part that the format cannot hold, `None` without one."""
    layers = {layer.name: layer for layer in model.layers}
    for name, layer in layers.items():
        if type(layer).__name__ not in _classes(name):
            return f"{name} ({type(layer).__name__})"
    missing = {"patches", "positions", "block_0", "norm", "pool"} - set(layers)
    if missing:
        return f"no {min(missing)}"
    order, has_token = list(layers), "class_token" in layers
    blocks = [layer for name, layer in layers.items() if name.startswith("block_")]
    refused = {
        "norm behind the pooling": order.index("norm") > order.index("pool"),
        "positions of the patches only":
            layers["positions"].num_prefix != int(has_token),
        "a class token that is not pooled": has_token != ("first" in layers),
        "more than one class token": has_token and layers["class_token"].num_tokens > 1,
        "fixed positions": not layers["positions"].trainable,
        "another epsilon than 1e-6": any(
            each.epsilon != 1e-6 for each in (layers["norm"], *blocks)),
        "LayerScale": any(block.layer_scale is not None for block in blocks),
        "attention without biases": any(
            not block.use_bias or block.use_qkv_bias is False for block in blocks),
        "another activation than tanh GELU": any(
            getattr(block.activation, "__name__", "") != "gelu_tanh" for block in blocks),
        "the norm after each part": any(block.norm != "pre" for block in blocks),
        "fewer key heads than query heads": any(
            block.num_kv_heads not in (None, block.num_heads) for block in blocks)}
    return next((part for part, is_there in refused.items() if is_there), None)


def _classes(name: str) -> tuple[str, ...]:
    """Names of the classes that a layer of this name may have."""
    if name.startswith("block_"):
        return ("TransformerEncoderBlock",)
    return {
        "patches": ("PatchEmbedding",), "positions": ("LearnedPositionEmbedding",),
        "class_token": ("ClassToken",), "norm": ("LayerNormalization",), "pre_logits": ("Dense",),
        "logits": ("Dense",), "dropout": ("Dropout",), "images": ("InputLayer",),
        "first": ("FirstTokens",), "pool": ("Flatten", "GlobalAveragePooling1D"),
    }.get(name, ())


FAMILY = Family(
    "google", load, formats={"npz-google": save},
    keys=(r"embedding/kernel", r"Transformer/encoderblock_0/LayerNorm_2/scale"))
