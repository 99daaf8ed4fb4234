"""DINOv2 of Hugging Face's transformers, with registers or without, with a head or without."""

import re

import keras
import numpy as np

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.config import activation, check
from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.checkpoints.weights.vision_transformer import load_vit

HEADS = {384: 6, 768: 12, 1024: 16, 1536: 24}   # Oquab et al. 2023, table 17
FIRST = "encoder.layer.0."
KINDS = ("dinov2", "dinov2_with_registers")


def layout(prefix: str, gated: bool) -> Layout:
    """The `Layout` of keys that begin with `prefix`.

    Args:
        prefix: `"dinov2."` or `"dinov2_with_registers."` of a model with a head, nothing of one
            without.
        gated: Whether the networks are gated.
    """
    hidden, output = ("weights_in", "weights_out") if gated else ("fc1", "fc2")
    return Layout(
        kernel="weight", scale="weight", transposed=True,
        patches=f"{prefix}embeddings.patch_embeddings.projection.",
        class_token=(f"{prefix}embeddings.cls_token",),
        registers=f"{prefix}embeddings.register_tokens",
        positions=f"{prefix}embeddings.position_embeddings",
        block=prefix + "encoder.layer.{}.",
        parts=Parts(attention=(*((f"attention.attention.{name}.", (name,))
                                 for name in ("query", "key", "value")),
                               ("attention.output.dense.", ("output",))),
                    hidden=f"mlp.{hidden}.", output=f"mlp.{output}.",
                    linear=f"mlp.{hidden}." if gated else None,
                    norms={"attention_norm": "norm1.", "feed_forward_norm": "norm2."},
                    scales={"attention_scale": "layer_scale1.lambda1",
                            "feed_forward_scale": "layer_scale2.lambda1"}),
        norm=f"{prefix}layernorm.", logits="classifier.")


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         num_heads: int | None = None, interpolation: str = "bicubic") -> keras.Model:
    """Loads a Dinov2Model or a Dinov2ForImageClassification, or the same with registers.

    Args:
        state: `State` of the file.
        config: Content of `config.json`. Without it, what no array tells is taken to be usual.
        image_shape: `(height, width, channels)` that the model is to take.
        num_heads: Number of heads `N`. It is known of the published widths.
        interpolation: How positions are resized. The default is the project's way.

    Returns:
        Model as of `models.vit`. Without a head it returns the class token behind the last norm.
        The head reads the class token beside the mean of the patches. Where there are registers,
        the position of the class token lies in the token itself.

    Raises:
        ValueError: as for `load_vit`. Or a part of the file or the configuration is not built here.
    """
    if "model_type" in config and config["model_type"] not in KINDS:
        check(config, model_type=KINDS[0])
    config = state.told(config, layer_norm_eps=1e-6, hidden_act="gelu")
    end = f"{FIRST}layer_scale1.lambda1"
    prefix = next(key.removesuffix(end) for key in state if key.endswith(end))
    chosen = layout(prefix, gated=f"{prefix}{FIRST}mlp.weights_in.weight" in state)
    registers = f"{prefix}embeddings.register_tokens" in state
    if registers:
        fold_position(state, chosen)
    model = load_vit(
        state, chosen, image_size=config.get("image_size"), image_shape=image_shape,
        num_heads=config.get("num_attention_heads") if num_heads is None else num_heads,
        published=HEADS,
        pooling="token_mean" if "classifier.weight" in state else "token",
        prefix_positions=not registers, interpolation=interpolation,
        epsilon=config["layer_norm_eps"],
        activation="silu" if chosen.parts.linear else activation(config, "hidden_act", "gelu"),
        dropout=config.get("hidden_dropout_prob", 0.0),
        attention_dropout=config.get("attention_probs_dropout_prob", 0.0),
        drop_path=config.get("drop_path_rate", 0.0))
    state.finish(unused(rf"{prefix}(encoder\.|layernorm\.|embeddings\.(?!mask_token))"))
    return model


def fold_position(state: State, chosen: Layout) -> None:
    """Adds the position of the class token to the token: registers, which follow, have none.

    Args:
        state: `State` with both arrays. They change there.
        chosen: `Layout` of their keys.
    """
    positions, (token,) = state.read(str(chosen.positions)), chosen.class_token
    state.replace(token, state.read(token) + positions[:, :1])
    state.replace(str(chosen.positions), np.ascontiguousarray(positions[:, 1:]))


FAMILY = Family("dinov2", load, keys=(
    rf"(\w+\.)?{re.escape(FIRST)}layer_scale1\.lambda1", r"(\w+\.)?embeddings\.cls_token"))
