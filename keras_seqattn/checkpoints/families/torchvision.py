"""Vision Transformers of torchvision, with their own head or another in its place."""

import dataclasses

import keras

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.checkpoints.weights.vision_transformer import load_vit
from keras_seqattn.errors import explain

LAYOUT = Layout(
    kernel="weight", scale="weight", transposed=True, patches="conv_proj.",
    class_token=("class_token",), positions="encoder.pos_embedding",
    block="encoder.layers.encoder_layer_{}.",
    parts=Parts(attention=(("self_attention.in_proj_", ("query", "key", "value")),
                           ("self_attention.out_proj.", ("output",))),
                hidden="mlp.0.", output="mlp.3.",
                norms={"attention_norm": "ln_1.", "feed_forward_norm": "ln_2."}),
    norm="encoder.ln.", pre_logits="heads.pre_logits.", logits="heads.head.")
HEADS = {768: 12, 1024: 16, 1280: 16}   # of vit_b, vit_l and vit_h
OWN = ["heads.head.weight", "heads.pre_logits.weight"]
COMPUTED = r"(encoder|conv_proj)\."


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         num_heads: int | None = None, interpolation: str = "bicubic") -> keras.Model:
    """Loads a VisionTransformer of torchvision.

    Args:
        state: `State` of the file.
        config: Content of `config.json`. The positions were made for images of its `image_size`,
            in pixels: a side or `(height, width)`.
        image_shape: `(height, width, channels)` that the model is to take.
        num_heads: Number of heads `N`. It is known of the published widths.
        interpolation: How positions are resized. The default is the project's way.

    Returns:
        Model as of `models.vit`, with a class token, exact GELU and an epsilon of 1e-6. A dense
        layer that a training put in the place of the head is the head.

    Raises:
        ValueError: as for `load_vit`. Or a part of the file is not built here, such as a head of
            several layers.
    """
    model = load_vit(
        state, _layout(state), image_size=config.get("image_size"), image_shape=image_shape,
        interpolation=interpolation, num_heads=num_heads, published=HEADS, prefix_positions=True)
    state.finish(unused(COMPUTED))
    return model


def _layout(state: State) -> Layout:
    """The layout with the head that a file has."""
    kernels = sorted(key for key in state if key.startswith("heads.") and key.endswith(".weight"))
    if kernels in ([], OWN[:1], OWN):
        return LAYOUT
    if len(kernels) > 1:
        raise ValueError(explain(
            "the head of the checkpoint must be one dense layer, since the keys do not tell what "
            "stands between several", keys=kernels,
            fix="save the state without its heads, and put yours on the features"))
    return dataclasses.replace(
        LAYOUT, pre_logits=None, logits=kernels[0].removesuffix("weight"))


FAMILY = Family("torchvision", load, keys=(
    r"conv_proj\.weight", r"encoder\.layers\.encoder_layer_0\.ln_1\.weight"))
