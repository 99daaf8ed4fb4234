"""Vision Transformers of timm."""

import keras

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.families.timm_architectures import (
    USUAL,
    architectures,
    not_built,
    settle,
)
from keras_seqattn.checkpoints.files.config import activation
from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.checkpoints.weights.vision_transformer import load_vit
from keras_seqattn.errors import explain, nearest

LAYOUT = Layout(
    kernel="weight", scale="weight", transposed=True, patches="patch_embed.proj.",
    class_token=("cls_token", "dist_token"), registers="reg_token", positions="pos_embed",
    block="blocks.{}.",
    parts=Parts(attention=(("attn.qkv.", ("query", "key", "value")), ("attn.proj.", ("output",))),
                hidden="mlp.fc1.", output="mlp.fc2.",
                norms={"attention_norm": "norm1.", "feed_forward_norm": "norm2."},
                scales={"attention_scale": "ls1.gamma", "feed_forward_scale": "ls2.gamma"},
                linear="mlp.fc1.",
                qk_norms={"query_norm": "attn.q_norm.", "key_norm": "attn.k_norm."}),
    first_norm="norm_pre.",
    norm="norm.", pooled_norm="fc_norm.", probe="attn_pool.latent", pool_prefix="attn_pool.",
    pool=Parts(attention=(("q.", ("query",)), ("kv.", ("key", "value")), ("proj.", ("output",))),
               hidden="mlp.fc1.", output="mlp.fc2.", norms={"norm": "norm."}),
    logits="head.", distillation_logits="head_dist.")
COMPUTED = r"(blocks|patch_embed|norm_pre|norm|fc_norm|attn_pool|pre_logits|rope|rel_pos\w*)\."
POOLINGS = {"token": "token", "avg": "mean", "map": "map", "": "none"}


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         num_heads: int | None = None, interpolation: str = "bicubic_antialias") -> keras.Model:
    """Loads a VisionTransformer of timm.

    Args:
        state: `State` of the file.
        config: Content of `config.json`. Its `architecture` and `model_args` say what no array
            tells. Without them, that is taken which all published models of such arrays have.
            Images are then square. The class token is pooled, unless the last norm is `fc_norm`.
        image_shape: `(height, width, channels)` that the model is to take.
        num_heads: Number of heads `N`. It is needed where the configuration does not tell it and
            published models of the width have several.
        interpolation: How positions are resized. The default is the project's way.

    Returns:
        Model as of `models.vit`. It has those of these parts that the file has: class token,
        distillation token, registers, LayerScale, gates, norms of queries and keys, a norm before
        the blocks. It pools as the file does.

    Raises:
        ValueError: as for `load_vit`. Or a part of the file or the configuration is not built
            here. Or neither arrays nor published models tell what the configuration does not.
    """
    given = {} if num_heads is None else {"num_heads": num_heads}
    arguments = _arguments(state, config, given)
    size = arguments.get("img_size") or (config.get("pretrained_cfg") or {}).get(
        "input_size", [None])[1:] or None
    pooling = arguments.get("global_pool")
    if pooling is not None and pooling not in POOLINGS:
        raise ValueError(explain("`global_pool` is not known", global_pool=pooling,
                                 fix=nearest(pooling, POOLINGS)))
    no_embed_class = arguments.get("no_embed_class")
    model = load_vit(
        state, LAYOUT, image_size=size, image_shape=image_shape, interpolation=interpolation,
        num_heads=arguments["num_heads"], pooling=None if pooling is None else POOLINGS[pooling],
        prefix_positions=None if no_embed_class is None else not no_embed_class,
        activation=activation(arguments, "act_layer", "gelu"), epsilon=arguments["epsilon"],
        norm_branches=arguments["block_fn"] == "ResPostBlock",
        last_norm=arguments.get("final_norm", True))
    state.finish(unused(COMPUTED))
    return model


def _arguments(state: State, config: dict, given: dict) -> dict:
    """Arguments of timm's class: implied by the architecture, of the file, and `given`."""
    architecture = str(config.get("architecture")).partition(".")[0]
    own = {name: value for name, value in (config.get("model_args") or {}).items()
           if value is not None}
    implied = architectures().get(architecture, {})
    pooling = {"global_pool": config["global_pool"]} if "global_pool" in config else {}
    arguments = {**implied, **pooling, **own, **given}
    refused = not_built(arguments)
    if refused:
        raise ValueError(explain(
            "this part of the architecture is not built here", architecture=architecture,
            **refused, fix="load a model without it"))
    kind = _kind(state)
    if implied:
        arguments = {**USUAL, **arguments}
        if "norm_layer" in own:
            arguments["epsilon"] = USUAL["epsilon"]
        if arguments["embed_dim"] != kind["embed_dim"] and "num_heads" not in {**own, **given}:
            del arguments["num_heads"]  # those of an architecture are those of its width
    elif own:
        arguments = {**USUAL, **_gated(state), **arguments}
    return settle({**_gated(state), **arguments}, kind)


def _kind(state: State) -> dict:
    """What the arrays tell of the architecture."""
    return {"embed_dim": state.shape(LAYOUT.patches + LAYOUT.kernel, 4)[0],
            "class_token": "cls_token" in state, "pre_norm": "norm_pre.weight" in state,
            "qkv_bias": "blocks.0.attn.qkv.bias" in state}


def _gated(state: State) -> dict:
    """The activation of a gated network, which nobody publishes with another."""
    hidden = state.shape("blocks.0.mlp.fc1.weight", 2)[0]
    packed = hidden == 2 * state.shape("blocks.0.mlp.fc2.weight", 2)[1]
    return {"act_layer": "silu"} if packed else {}


# The last two are of blocks that are not built here, which is told by their name.
FAMILY = Family("timm", load, keys=(
    r"patch_embed\.proj\.weight", r"blocks\.0\.(attn\.qkv|attns\.0\.attn\.qkv|in_proj)\.weight"))
