"""The vision tower of CLIP of Hugging Face's transformers, alone or within the whole model."""

import keras

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.config import activation, check
from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.checkpoints.weights.vision_transformer import load_vit
from keras_seqattn.errors import explain

# Radford et al. 2021, table 20, and the larger ones of OpenCLIP.
HEADS = {768: 12, 1024: 16, 1280: 16, 1408: 16, 1664: 16}
EMBEDDING = "embeddings.class_embedding"
PARTS = Parts(
    attention=(*((f"self_attn.{name[0]}_proj.", (name,)) for name in ("query", "key", "value")),
               ("self_attn.out_proj.", ("output",))),
    hidden="mlp.fc1.", output="mlp.fc2.",
    norms={"attention_norm": "layer_norm1.", "feed_forward_norm": "layer_norm2."})


def layout(prefix: str, logits: str | None) -> Layout:
    """The `Layout` of keys that begin with `prefix`.

    Args:
        prefix: `"vision_model."` within a larger model, nothing of a tower alone.
        logits: Key of the head or of the projection, if there is one.
    """
    return Layout(
        kernel="weight", scale="weight", transposed=True,
        patches=f"{prefix}embeddings.patch_embedding.",
        class_token=(f"{prefix}{EMBEDDING}",), token_rank=1,
        positions=f"{prefix}embeddings.position_embedding.weight", position_rank=2,
        first_norm=f"{prefix}pre_layrnorm.", block=prefix + "encoder.layers.{}.", parts=PARTS,
        norm=f"{prefix}post_layernorm.", logits=logits)


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         num_heads: int | None = None, interpolation: str = "bicubic") -> keras.Model:
    """Loads the tower of a CLIPVisionModel, a CLIPModel or a CLIPForImageClassification.

    Args:
        state: `State` of the file.
        config: Content of `config.json`, of the tower or of the whole.
        image_shape: `(height, width, channels)` that the model is to take.
        num_heads: Number of heads `N`. It is known of the published widths.
        interpolation: How positions are resized. The default is the project's way.

    Returns:
        Model as of `models.vit`. What it returns depends on the file:

        - with a projection, the embedding that is compared with that of a text, unnormalised
        - with a classifier, the logits, which it reads from the mean of the patches without a norm
        - else the class token behind the last norm

    Raises:
        ValueError: as for `load_vit`. Or the configuration is missing. Or a part of the file
            or the configuration is not built here.
    """
    seeing = config.get("vision_config", config)
    check(seeing, model_type="clip_vision_model")
    if not config:
        raise ValueError(explain(
            "a CLIP needs its configuration: published ones of one size differ in the activation, "
            "which no array tells", config=config, fix="put its config.json beside the weights, "
            'or one with that entry alone, such as {"hidden_act": "quick_gelu"}'))
    prefix = next(key.removesuffix(EMBEDDING) for key in state if key.endswith(EMBEDDING))
    classifies = "classifier.weight" in state
    logits = next((key for key in ("classifier.", "visual_projection.")
                   if f"{key}weight" in state), None)
    model = load_vit(
        state, layout(prefix, logits), image_size=seeing.get("image_size"),
        image_shape=image_shape, prefix_positions=True, interpolation=interpolation,
        num_heads=seeing.get("num_attention_heads") if num_heads is None else num_heads,
        published=HEADS,
        pooling="mean" if classifies else "token", last_norm=not classifies,
        epsilon=seeing.get("layer_norm_eps", 1e-5),
        activation=activation(seeing, "hidden_act", "quick_gelu"),
        attention_dropout=seeing.get("attention_dropout", 0.0))
    norm = "" if classifies else r"post_layernorm\.|"
    state.finish(unused(rf"{prefix}(encoder\.|pre_layrnorm\.|{norm}embeddings\.(?!position_ids))"))
    return model


FAMILY = Family("clip", load, keys=(
    r"(vision_model\.)?embeddings\.class_embedding", r"(vision_model\.)?pre_layrnorm\.weight"))
