"""The vision tower of SigLIP of Hugging Face's transformers, alone or within the whole model."""

import dataclasses

import keras

from keras_seqattn.checkpoints.families.clip import PARTS
from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.config import activation, check
from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.checkpoints.weights.vision_transformer import load_vit

TABLE = "embeddings.position_embedding.weight"
HEADS = {768: 12, 1024: 16, 1152: 16}   # Zhai et al. 2023, and Tschannen et al. 2025


def layout(prefix: str) -> Layout:
    """The `Layout` of keys that begin with `prefix`.

    Args:
        prefix: `"vision_model."` within a larger model, nothing of a tower alone.
    """
    return Layout(
        kernel="weight", scale="weight", transposed=True,
        patches=f"{prefix}embeddings.patch_embedding.", positions=f"{prefix}{TABLE}",
        position_rank=2, block=prefix + "encoder.layers.{}.", parts=PARTS,
        norm=f"{prefix}post_layernorm.", probe=f"{prefix}head.probe", pool_prefix=f"{prefix}head.",
        pool=Parts(attention=(("attention.in_proj_", ("query", "key", "value")),
                              ("attention.out_proj.", ("output",))),
                   hidden="mlp.fc1.", output="mlp.fc2.", norms={"norm": "layernorm."}),
        logits="classifier.")


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         num_heads: int | None = None, interpolation: str = "bicubic") -> keras.Model:
    """Loads the tower of a SiglipVisionModel, a SiglipModel or a SiglipForImageClassification.

    Args:
        state: `State` of the file.
        config: Content of `config.json`, of the tower or of the whole. Without it, what no array
            tells is taken to be usual.
        image_shape: `(height, width, channels)` that the model is to take.
        num_heads: Number of heads `N`. It is known of the published widths.
        interpolation: How positions are resized. The default is the project's way.

    Returns:
        Model as of `models.vit`. What it returns depends on the file:

        - with a classifier, the logits, which it reads from the mean of the patches
        - with an attention pooling, its output, which is compared with that of a text
        - else all tokens behind the last norm

    Raises:
        ValueError: as for `load_vit`. Or a part of the file or the configuration is not built here.
    """
    seeing = config.get("vision_config", config)
    check(seeing, model_type="siglip_vision_model")
    seeing = state.told(seeing, layer_norm_eps=1e-6, hidden_act="gelu_pytorch_tanh")
    prefix = next(key.removesuffix(TABLE) for key in state
                  if key.endswith(TABLE) and f"{key.removesuffix(TABLE)}post_layernorm.weight" in
                  state)
    chosen, classifies = layout(prefix), "classifier.weight" in state
    pooling = "mean" if classifies else "map" if f"{prefix}head.probe" in state else "none"
    if not classifies:
        chosen = dataclasses.replace(chosen, logits=None)
    model = load_vit(
        state, chosen, image_size=seeing.get("image_size"), image_shape=image_shape,
        num_heads=seeing.get("num_attention_heads") if num_heads is None else num_heads,
        published=HEADS,
        pooling=pooling, prefix_positions=True, interpolation=interpolation,
        epsilon=seeing["layer_norm_eps"],
        activation=activation(seeing, "hidden_act", "gelu_pytorch_tanh"),
        attention_dropout=seeing.get("attention_dropout", 0.0))
    head = r"head\.|" if pooling == "map" else ""
    state.finish(unused(
        rf"{prefix}(encoder\.|post_layernorm\.|{head}embeddings\.(?!position_ids))"))
    return model


FAMILY = Family("siglip", load, keys=(
    r"(vision_model\.)?embeddings\.patch_embedding\.bias",
    r"(vision_model\.)?embeddings\.position_embedding\.weight",
    r"(vision_model\.)?post_layernorm\.weight"))
