"""ViT, DeiT and the encoder of ViTMAE of Hugging Face's transformers, with a head or without."""

import dataclasses
import re
import typing

import keras

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.config import activation
from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.checkpoints.weights.vision_transformer import load_vit
from keras_seqattn.errors import explain

NORMS = {"attention_norm": "layernorm_before.", "feed_forward_norm": "layernorm_after."}
# Key of a block, and the keys inside, as files have them.
FILE = ("encoder.layer.{}.", Parts(
    attention=(*((f"attention.attention.{name}.", (name,)) for name in ("query", "key", "value")),
               ("attention.output.dense.", ("output",))),
    hidden="intermediate.dense.", output="output.dense.", norms=NORMS))
# The same in memory since transformers 5, and so in what torch.save writes of a state_dict().
MEMORY = ("layers.{}.", Parts(
    attention=tuple((f"attention.{name[0]}_proj.", (name,))
                    for name in ("query", "key", "value", "output")),
    hidden="mlp.fc1.", output="mlp.fc2.", norms=NORMS))
READ, READ_IN_MEMORY = (
    f"{block.format(0)}{parts.attention[0][0]}weight" for block, parts in (FILE, MEMORY))
# Dosovitskiy et al. 2021, table 1, and Touvron et al. 2021, table 1.
HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16}
KINDS = ("vit", "deit", "vit_mae")


def layout(prefix: str, distilled: bool, names: tuple[str, Parts] = FILE) -> Layout:
    """The `Layout` of keys that begin with `prefix`.

    Args:
        prefix: `"vit."` or `"deit."` of a model with a head, nothing of one without.
        distilled: Whether the distillation token has a head. Without a head the token does what a
            register does: it stands behind the class token and is not read.
        names: `FILE` or `MEMORY`.
    """
    block, parts = names
    tokens = (f"{prefix}embeddings.cls_token", f"{prefix}embeddings.distillation_token")
    plain = Layout(
        kernel="weight", scale="weight", transposed=True,
        patches=f"{prefix}embeddings.patch_embeddings.projection.", class_token=tokens[:1],
        registers=tokens[1], positions=f"{prefix}embeddings.position_embeddings",
        block=prefix + block, parts=parts,
        norm=f"{prefix}layernorm.", logits="classifier.")
    if not distilled:
        return plain
    return dataclasses.replace(
        plain, class_token=tokens, registers=None, logits="cls_classifier.",
        distillation_logits="distillation_classifier.")


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         num_heads: int | None = None, interpolation: str = "bicubic") -> keras.Model:
    """Loads a ViTForImageClassification or a ViTModel, or the same of DeiT.

    A DeiT may be `DeiTForImageClassificationWithTeacher`, which has two heads. Of a ViTMAE the
    encoder is loaded, which then reads every patch.

    Args:
        state: `State` of the file.
        config: Content of `config.json`. Without it, what no array tells is taken to be usual.
        image_shape: `(height, width, channels)` that the model is to take.
        num_heads: Number of heads `N`. It is known of the published widths.
        interpolation: How positions are resized. The default is the project's way.

    Returns:
        Model as of `models.vit`, which pools the class token. If the file has no head, the model
        has none.

    Raises:
        ValueError: as for `load_vit`. Or a part of the file or the configuration is not built here.
    """
    known = "embeddings.cls_token"
    prefix = next(key.removesuffix(known) for key in state if key.endswith(known) and {
        key.removesuffix(known) + read for read in (READ, READ_IN_MEMORY)} & set(state))
    chosen = layout(prefix, distilled="distillation_classifier.weight" in state,
                    names=FILE if prefix + READ in state else MEMORY)
    model = fill_vit(state, chosen, config, image_shape=image_shape, num_heads=num_heads,
                     interpolation=interpolation)
    state.finish(unused(rf"{prefix}(encoder\.|layers\.|layernorm\.|embeddings\.(?!mask_token))"))
    return model


def fill_vit(state: State, chosen: Layout, config: dict, num_heads: int | None = None,
             **options: typing.Any) -> keras.Model:
    """Builds a ViT as its configuration says, and fills it.

    Args:
        state: `State` of the arrays.
        chosen: `Layout` of their keys.
        config: Configuration of the ViT.
        num_heads: Number of heads `N`. Defaults to that of the configuration.
        **options: As for `load_vit`.

    Returns:
        Model as of `models.vit`.

    Raises:
        ValueError: as for `load_vit`. Or the configuration asks for what is not built here.
    """
    if config.get("model_type") not in (None, *KINDS):
        raise ValueError(explain(
            f"`model_type` of the configuration must be one of {KINDS}",
            model_type=config["model_type"], fix="load a model of this kind"))
    config = state.told(config, layer_norm_eps=1e-12, hidden_act="gelu")
    return load_vit(
        state, chosen, image_size=config.get("image_size"),
        num_heads=config.get("num_attention_heads") if num_heads is None else num_heads,
        published=HEADS,
        pooling="token", epsilon=config["layer_norm_eps"],
        activation=activation(config, "hidden_act", "gelu"), prefix_positions=True,
        dropout=config.get("hidden_dropout_prob", 0.0),
        attention_dropout=config.get("attention_probs_dropout_prob", 0.0), **options)


FAMILY = Family("huggingface", load, keys=(
    rf"(\w+\.)?({re.escape(READ)}|{re.escape(READ_IN_MEMORY)})", r"(\w+\.)?embeddings\.cls_token"))
