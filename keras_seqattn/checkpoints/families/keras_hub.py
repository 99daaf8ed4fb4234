"""Vision models of KerasHub, as `save_to_preset` writes them into a folder.

These are known: ViT and DeiT with a classifier or without, DINOv2, and the vision towers of CLIP
and SigLIP. The weights of large ones lie in several files.
"""

import dataclasses
import typing

import keras

from keras_seqattn.checkpoints.families.dinov2 import fold_position
from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.config import check, need
from keras_seqattn.checkpoints.weights.layout import Layout, Parts
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.checkpoints.weights.vision_transformer import load_vit
from keras_seqattn.errors import explain, nearest
from keras_seqattn.layers import gelu_tanh, quick_gelu

MODEL, TASK = "model.weights.", "task.weights."
ACTIVATIONS = {"quick_gelu": quick_gelu, "gelu_approximate": gelu_tanh, "gelu": "gelu"}


def _parts(attention: str, norms: str, hidden: str, output: str, **others: typing.Any) -> Parts:
    """Parts of a block. A `{}` in `norms` is the number of a norm."""
    return Parts(
        attention=tuple((f"{attention}/{name}_dense/", (name,))
                        for name in ("query", "key", "value", "output")),
        hidden=f"{hidden}/", output=f"{output}/", norms={
            "attention_norm": f"{norms.format(1)}/", "feed_forward_norm": f"{norms.format(2)}/"},
        **others)


def _layout(blocks: str, embedding: str, parts: Parts, norm: str, patches: str = "patch_embedding",
            **others: typing.Any) -> Layout:
    return Layout(
        **{"kernel": "vars/0", "scale": "vars/0", "bias": "vars/1", "transposed": False,
           "patches": f"layers/{embedding}/{patches}/", "block": f"layers/{blocks}_{{}}/",
           "first_block": f"layers/{blocks}/", "parts": parts, "norm": f"layers/{norm}/",
           "logits": None, "class_token": (f"layers/{embedding}/vars/0",),
           "positions": f"layers/{embedding}/position_embedding/vars/0", **others})


def _vit(config: dict) -> Layout:
    embedding = "vi_t_patching_and_embedding"
    return _layout(
        "vi_t_encoder/encoder_layers/vi_t_encoder_block", embedding,
        _parts("mha", "layer_norm_{}", "mlp/dense_1", "mlp/dense_2"), "vi_t_encoder/layer_norm",
        position_rank=2)


def _deit(config: dict) -> Layout:
    embedding = "layers/dei_t_embeddings"
    return _layout(
        "dei_t_encoder/encoder_layers/dei_t_encoder_block", "dei_t_embeddings",
        _parts("mha", "layer_norm_{}", "mlp/dense", "output_layer/dense"),
        "dei_t_encoder/layer_norm", registers=f"{embedding}/vars/1",
        positions=f"{embedding}/vars/2")


def _dinov2(config: dict) -> Layout:
    gated = config.get("use_swiglu_ffn", False)
    hidden, output = ("mlp/weights_in", "mlp/weights_out") if gated else ("mlp/fc1", "mlp/fc2")
    embedding, mask = "layers/dinov2_embedding/vars/", int(config.get("use_mask_token", True))
    registers = int(config.get("num_register_tokens", 0) > 0)
    return _layout(
        "dinov2_encoder/layers/dinov2_layer", "dinov2_embedding",
        _parts("attention/attention", "norm{}", hidden, output,
               linear=f"{hidden}/" if gated else None, scales={
                   "attention_scale": "layer_scale1/vars/0",
                   "feed_forward_scale": "layer_scale2/vars/0"}),
        "layer_normalization", "patch_embeddings/projection",
        registers=f"{embedding}{1 + mask}" if registers else None,
        # That for the images of the model, before the one from which it was resized.
        positions=f"{embedding}{1 + mask + registers}")


def _clip(config: dict) -> Layout:
    check(config, intermediate_output_index=None)
    return _layout(
        "clip_encoder_layer", "clip_vision_embedding",
        _parts("attention", "layer_norm_{}", "dense_1", "dense_2"), "layer_normalization_1",
        first_norm="layers/layer_normalization/", token_rank=1, position_rank=2)


def _siglip(config: dict) -> Layout:
    pool = "layers/sig_lip_multi_head_attention_pooling/"
    parts = _parts("self_attn", "layer_norm{}", "mlp/fc1", "mlp/fc2")
    return _layout(
        "sig_lip_encoder_layer", "sig_lip_vision_embedding", parts, "layer_normalization",
        class_token=(), position_rank=2, probe=f"{pool}vars/0", pool_prefix=pool,
        pool=dataclasses.replace(
            _parts("attention", "", "mlp/fc1", "mlp/fc2"), norms={"norm": "layer_norm/"}))


# Class: (layout, pooling of the backbone, epsilon where its configuration tells none)
KINDS = {
    "ViTBackbone": (_vit, "none", 1e-6), "DeiTBackbone": (_deit, "none", 1e-6),
    "DINOV2Backbone": (_dinov2, "none", 1e-6), "CLIPVisionEncoder": (_clip, "none", 1e-5),
    "SigLIPVisionEncoder": (_siglip, "map", 1e-6)}


# Class: what of it is not built here
NOT_BUILT = {"DINOV3Backbone": "positions by rotation"}


def load(state: State, config: dict, task: dict, *, image_shape: tuple | None = None,
         interpolation: str = "bilinear") -> keras.Model:
    """Loads a backbone, or a classifier of a ViT or a DeiT.

    Args:
        state: `State` of `model.weights.h5`, with `task.weights.h5` if the folder has both. In
            place of the first may stand `model.weights.json`, the index of several files.
        config: Content of `config.json`, which describes the backbone.
        task: Content of `task.json`, which describes the classifier.
        image_shape: `(height, width, channels)` that the model is to take.
        interpolation: How positions are resized.

    Returns:
        Model as of `models.vit`. Without a classifier it returns what the backbone does: all
        tokens behind the last norm. That of SigLIP pools them.

    Raises:
        ValueError: as for `load_vit`. Or the configuration is missing, or asks for what is not
            built here.
    """
    kind, described = need(config, "class_name", "config")["class_name"], config["config"]
    if kind in NOT_BUILT:
        raise ValueError(explain("a part of the backbone is not built here", class_name=kind,
                                 part=NOT_BUILT[kind], fix=f"load one of {', '.join(KINDS)}"))
    if kind not in KINDS:
        raise ValueError(explain("`class_name` is not known", class_name=kind,
                                 fix=nearest(kind, KINDS)))
    make, pooling, epsilon = KINDS[kind]
    head = task.get("config", {})
    if head:
        pooling = _pooling(head, described)
    within = MODEL if any(key.startswith(MODEL) for key in state) else ""
    chosen = _within(make(described), within, head)
    _place_positions(state, f"{within}layers/", chosen)
    folds = kind == "DINOV2Backbone" and chosen.registers is not None
    if folds:
        fold_position(state, chosen)
    model = load_vit(
        state, chosen, image_size=described["image_shape"][:2], image_shape=image_shape,
        pooling=pooling, prefix_positions=not folds, interpolation=interpolation,
        epsilon=described.get("layer_norm_epsilon", epsilon),
        activation=_activation(described),
        dropout=described.get("dropout_rate", 0.0),
        attention_dropout=described.get("attention_dropout", 0.0))
    # Left over are optimisers, masks, numbers of positions and a table before it was resized.
    state.finish(r"(.*\.)?optimizer/.*|.*embeddings?/vars/\d+")
    return model


def _place_positions(state: State, prefix: str, chosen: Layout) -> None:
    """Orders the table of positions by the numbers that a tower of CLIP or SigLIP keeps.

    In a CLIP that was never loaded from published weights they are all 0.
    """
    for key in ("clip_vision_embedding/vars/1", "sig_lip_vision_embedding/vars/0"):
        if prefix + key in state:
            numbers = state.read(prefix + key)[0].astype("int64")
            state.replace(str(chosen.positions), state.read(str(chosen.positions))[numbers])


def _activation(described: dict) -> typing.Any:
    if described.get("use_swiglu_ffn"):
        return "silu"
    name = described.get("intermediate_activation", "gelu")
    if name not in ACTIVATIONS:
        raise ValueError(explain("`intermediate_activation` is not known",
                                 intermediate_activation=name, fix=nearest(name, ACTIVATIONS)))
    return ACTIVATIONS[name]


def _pooling(head: dict, described: dict) -> str:
    """What a classifier reads. Its average counts a class token too, which is not built here."""
    check(head, activation=None)
    has_token = described.get("use_class_token", True)
    poolings = {"token": "token"} if has_token else {"gap": "mean"}
    if head.get("pooling") not in poolings:
        raise ValueError(explain(
            "`pooling` of the classifier must be that of its tokens", pooling=head.get("pooling"),
            use_class_token=has_token, fix=f"load a classifier of pooling={list(poolings)}"))
    return poolings[head["pooling"]]


def _within(chosen: Layout, prefix: str, head: dict) -> Layout:
    """The layout of a backbone whose keys have a prefix, with the head beside it."""
    moved = {name: prefix + getattr(chosen, name) for name in (
        "patches", "positions", "block", "first_block", "norm", "registers", "first_norm", "probe",
        "pool_prefix") if getattr(chosen, name)}
    if head:
        dense = f"{TASK}layers/dense"
        moved["logits"] = f"{dense}/"
        if head.get("intermediate_dim") is not None:
            moved |= {"pre_logits": f"{dense}/", "logits": f"{dense}_1/"}
    return dataclasses.replace(
        chosen, class_token=tuple(prefix + key for key in chosen.class_token), **moved)


FAMILY = Family(
    "keras_hub", load, configs=("config.json", "task.json"),
    files=("model.weights.h5", "task.weights.h5"),
    keys=(r"(model\.weights\.)?layers/\w+/(patch_embedding|patch_embeddings/projection)/vars/0",))
