"""Vision Transformers of Hugging Face's transformers: ViT and DeiT, with a head or without."""

import dataclasses

from keras_seqattn.checkpoints.files.config import activation
from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.vit import load_vit
from keras_seqattn.errors import explain

READ = "encoder.layer.0.attention.attention.query.weight"


def layout(prefix="", distilled=True):
    """The `Layout` of keys that begin with `prefix`.

    Args:
        prefix: `"vit."` or `"deit."` of a model with a head, nothing of one without.
        distilled: Whether the distillation token has a head. Without one, it does what a register
            does: it stands behind the class token and is not read.
    """
    tokens = (f"{prefix}embeddings.cls_token", f"{prefix}embeddings.distillation_token")
    plain = Layout(
        kernel="weight", scale="weight", transposed=True,
        patches=f"{prefix}embeddings.patch_embeddings.projection.", class_token=tokens[:1],
        registers=tokens[1], positions=f"{prefix}embeddings.position_embeddings",
        block=prefix + "encoder.layer.{}.",
        parts=Parts(attention=(*((f"attention.attention.{name}.", (name,))
                                 for name in ("query", "key", "value")),
                               ("attention.output.dense.", ("output",))),
                    hidden="intermediate.dense.", output="output.dense.",
                    norms={"attention_norm": "layernorm_before.",
                           "feed_forward_norm": "layernorm_after."}),
        norm=f"{prefix}layernorm.", logits="classifier.")
    if not distilled:
        return plain
    return dataclasses.replace(
        plain, class_token=tokens, registers=None, logits="cls_classifier.",
        distillation_logits="distillation_classifier.")


def huggingface_vit(state, config=None, image_shape=None, num_heads=None,
                    interpolation="bicubic"):
    """Loads a ViTForImageClassification, a ViTModel, or the same of DeiT, with a teacher or not.

    Args:
        state: `State` of the file.
        config: Its `config.json` as a dictionary. Without it, what no array tells is taken to be
            usual: square images, exact GELU, epsilon 1e-12.
        image_shape: `(height, width, channels)` that the model is to take.
        num_heads: Number of heads `N`; of the published widths it is known.
        interpolation: How positions are resized; the project's way unless told.

    Returns:
        `keras.Model` as of `models.vit`.

    Raises:
        ValueError: as for `load_vit`; a part of the file or the configuration is not built here.
    """
    prefix = next(key.removesuffix(READ) for key in state if key.endswith(READ))
    chosen = layout(prefix, distilled="distillation_classifier.weight" in state)
    model = fill_vit(state, chosen, config or {}, image_shape=image_shape, num_heads=num_heads,
                     interpolation=interpolation)
    computed = rf"{prefix}(encoder\.|layernorm\.|embeddings\.(?!mask_token))"
    state.finish(unused(computed))
    return model


def fill_vit(state, chosen, config, num_heads=None, **options):
    """Builds a ViT as its configuration says, and fills it by a `Layout`.

    Args:
        state: `State` of the arrays.
        chosen: `layout(...)`.
        config: Configuration of the ViT.
        num_heads: Number of heads `N`, where the configuration does not tell.
        **options: As for `load_vit`.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: as for `load_vit`; the configuration asks for what is not built here.
    """
    if config.get("model_type") not in (None, "vit", "deit"):
        raise ValueError(explain(
            "`model_type` of the configuration must be 'vit' or 'deit'",
            model_type=config["model_type"], fix="load a model of this kind"))
    return load_vit(
        state, chosen, image_size=config.get("image_size"),
        num_heads=num_heads or config.get("num_attention_heads"), pooling="token",
        epsilon=config.get("layer_norm_eps", 1e-12),
        activation=activation(config, "hidden_act", "gelu"), prefix_positions=True,
        dropout=config.get("hidden_dropout_prob", 0.0),
        attention_dropout=config.get("attention_probs_dropout_prob", 0.0), **options)
