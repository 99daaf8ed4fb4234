"""BEiT of Hugging Face's transformers, with a head or without."""

import dataclasses

import keras

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.config import activation, check
from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.checkpoints.weights.vision_transformer import load_vit
from keras_seqattn.errors import explain

HEADS = {768: 12, 1024: 16}   # Bao et al. 2022
READ = "encoder.layer.0.attention.attention.query.weight"
TABLE = "relative_position_bias.relative_position_bias_table"


def layout(prefix: str, shared: bool) -> Layout:
    """The `Layout` of keys that begin with `prefix`.

    Args:
        prefix: `"beit."` of a model with a head, nothing of one without.
        shared: Whether all blocks share one table of relative positions.
    """
    return Layout(
        kernel="weight", scale="weight", transposed=True,
        patches=f"{prefix}embeddings.patch_embeddings.projection.",
        class_token=(f"{prefix}embeddings.cls_token",),
        positions=f"{prefix}embeddings.position_embeddings",
        block=prefix + "encoder.layer.{}.",
        parts=Parts(attention=(*((f"attention.attention.{name}.", (name,))
                                 for name in ("query", "key", "value")),
                               ("attention.output.dense.", ("output",))),
                    hidden="intermediate.dense.", output="output.dense.",
                    norms={"attention_norm": "layernorm_before.",
                           "feed_forward_norm": "layernorm_after."},
                    scales={"attention_scale": "lambda_1", "feed_forward_scale": "lambda_2"},
                    relative=None if shared else f"attention.attention.{TABLE}",
                    unbiased=("key",)),
        relative=f"{prefix}encoder.{TABLE}" if shared else None,
        norm=f"{prefix}layernorm.", pooled_norm=f"{prefix}pooler.layernorm.", logits="classifier.")


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         num_heads: int | None = None, interpolation: str = "bicubic") -> keras.Model:
    """Loads a BeitModel or a BeitForImageClassification.

    Args:
        state: `State` of the file.
        config: Content of `config.json`. Without it, what no array tells is taken to be usual.
        image_shape: `(height, width, channels)` that the model is to take. A table of relative
            positions is not resized, so it must be that of the file then.
        num_heads: Number of heads `N`. It is known of the published widths.
        interpolation: How learned positions are resized. The default is the project's way.

    Returns:
        Model as of `models.vit`. It pools the patches with a norm behind, or the class token. If
        the file has no head, the model has none.

    Raises:
        ValueError: as for `load_vit`. Or the images are no squares. Or a part of the file or the
            configuration is not built here.
    """
    check(config, model_type="beit")
    config = state.told(config, layer_norm_eps=1e-12, hidden_act="gelu")
    prefix = next(key.removesuffix(READ) for key in state if key.endswith(READ))
    chosen = layout(prefix, shared=f"{prefix}encoder.{TABLE}" in state)
    if f"{prefix}embeddings.position_embeddings" not in state:
        chosen = dataclasses.replace(chosen, positions=None)
    size = _side(state, chosen, config)
    model = load_vit(
        state, chosen, image_size=size, image_shape=image_shape,
        num_heads=config.get("num_attention_heads") if num_heads is None else num_heads,
        published=HEADS,
        prefix_positions=True, interpolation=interpolation,
        epsilon=config["layer_norm_eps"],
        activation=activation(config, "hidden_act", "gelu"),
        dropout=config.get("hidden_dropout_prob", 0.0),
        attention_dropout=config.get("attention_probs_dropout_prob", 0.0),
        drop_path=config.get("drop_path_rate", 0.0))
    state.finish(unused(
        rf"{prefix}(encoder\.(?!.*relative_position_index)|layernorm\.|pooler\.|"
        r"embeddings\.(?!mask_token))|(fpn|decode_head|auxiliary_head)\d?\."))
    return model


def _side(state: State, chosen: Layout, config: dict) -> int | None:
    """Side of the images, which a table of relative positions tells."""
    size = config.get("image_size")
    if not isinstance(size, int) and size is not None and len(set(size)) > 1:
        raise ValueError(explain("the images of a BEiT must be squares", image_size=size,
                                 fix="load a model of square images"))
    for key in (f"{chosen.block.format(0)}{chosen.parts.relative}", chosen.relative):
        if key is not None and key in state:
            steps = round((state.shape(key, 2)[0] - 3) ** 0.5)
            return (steps + 1) // 2 * state.shape(f"{chosen.patches}weight", 4)[2]
    return size if size is None or isinstance(size, int) else size[0]


FAMILY = Family("beit", load, keys=(
    r"(\w+\.)?encoder\.(layer\.0\.lambda_1|(layer\.0\.attention\.attention\.)?"
    r"relative_position_bias\.relative_position_bias_table)", r"(\w+\.)?embeddings\.cls_token"))
