"""Vision Transformers of timm."""

import keras

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.config import activation, check
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
                scales={"attention_scale": "ls1.gamma", "feed_forward_scale": "ls2.gamma"}),
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
        config: Content of `config.json`. Without it, what no array tells is taken to be usual:

            - square images
            - exact GELU
            - an epsilon of 1e-6
            - the class token pooled, unless the last norm is `fc_norm`
        image_shape: `(height, width, channels)` that the model is to take.
        num_heads: Number of heads `N`. It is known of the published widths.
        interpolation: How positions are resized. The default is the project's way.

    Returns:
        Model as of `models.vit`. It has those of these parts that the file has: class token,
        distillation token, registers, LayerScale. It pools as the file does.

    Raises:
        ValueError: as for `load_vit`. Or a part of the file or the configuration is not built here.
    """
    arguments = config.get("model_args") or {}
    size = arguments.get("img_size") or (config.get("pretrained_cfg") or {}).get(
        "input_size", [None])[1:] or None
    pooling = arguments.get("global_pool", config.get("global_pool"))
    if pooling is not None and pooling not in POOLINGS:
        raise ValueError(explain("`global_pool` is not known", global_pool=pooling,
                                 fix=nearest(pooling, POOLINGS)))
    check(arguments, pool_include_prefix=False, norm_layer=None, mlp_layer=None, block_fn=None,
          attn_layer=None, embed_layer=None)
    no_embed_class = arguments.get("no_embed_class")
    model = load_vit(
        state, LAYOUT, image_size=size, image_shape=image_shape, interpolation=interpolation,
        num_heads=arguments.get("num_heads") if num_heads is None else num_heads,
        pooling=None if pooling is None else POOLINGS[pooling],
        prefix_positions=None if no_embed_class is None else not no_embed_class,
        activation=activation(arguments, "act_layer", "gelu"))
    state.finish(unused(COMPUTED))
    return model


FAMILY = Family("timm", load, keys=(r"patch_embed\.proj\.weight", r"blocks\.0\.attn\.qkv\.weight"))
