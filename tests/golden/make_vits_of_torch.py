"""Writes vits_of_torch.json: outputs of tiny models of four projects that use PyTorch.

Needs those projects and torch, which the tests do not. Run by hand, only after an intended change:

    PYTHONPATH=tests python tests/golden/make_vits_of_torch.py

Each model has weights that `drawn` draws and parts that few checkpoints combine: rectangular
images, registers, LayerScale, averages with the norm behind them, no bias of query, key and value,
attention pooling, distillation, gates, norms of queries and keys, relative positions. Computed with
timm 1.0.31, torchvision 0.29.2, transformers 5.24.0, vit-pytorch 1.26.14 and torch 2.15.0.
"""

import json
import pathlib
import tempfile

import drawn
import timm
import torch
import torchvision
import transformers
import vit_pytorch
from safetensors.numpy import load_file, save_file

SIZE = (8, 12)
TIMM = {"embed_dim": 12, "depth": 1, "num_heads": 3, "num_classes": 5, "img_size": SIZE,
        "patch_size": 4, "mlp_ratio": 1.5}
FACE = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 3,
        "intermediate_size": 18, "image_size": list(SIZE), "patch_size": 4, "num_labels": 5}
SQUARE = {**FACE, "image_size": 12}
PLAIN = {key: value for key, value in SQUARE.items() if key != "intermediate_size"}
TEXT = {"vocab_size": 11, "hidden_size": 12, "intermediate_size": 18, "num_hidden_layers": 1,
        "num_attention_heads": 3, "max_position_embeddings": 5, "bos_token_id": 1,
        "eos_token_id": 2}
TIMMS = {
    "average": ("vit_tiny_patch16_224", {
        "global_pool": "avg", "class_token": False, "reg_tokens": 3, "init_values": 0.1,
        "no_embed_class": True}),
    "average_beside_a_class_token": ("vit_tiny_patch16_224", {
        "global_pool": "avg", "reg_tokens": 2, "init_values": 0.1, "qkv_bias": False}),
    "average_behind_the_norm": ("vit_tiny_patch16_224", {
        "global_pool": "avg", "class_token": False, "fc_norm": False}),
    "token_before_the_norm": ("vit_tiny_patch16_224", {"fc_norm": True}),
    "attention_pooling": ("vit_tiny_patch16_224", {
        "global_pool": "map", "class_token": False, "act_layer": "gelu_tanh"}),
    "registers": ("vit_small_patch14_reg4_dinov2", {}),
    "distilled": ("deit_tiny_distilled_patch16_224", {}),
    "norms_of_queries_and_keys": ("vit_tiny_patch16_224", {
        "qk_norm": True, "init_values": 0.1, "global_pool": "avg", "fc_norm": False}),
    "norm_before_the_blocks": ("vit_tiny_patch16_224", {"pre_norm": True}),
    "gates": ("vit_giant_patch14_dinov2", {"mlp_ratio": 3.0, "act_layer": "silu"}),
}
FACES = {
    "no_bias": (transformers.ViTForImageClassification,
                transformers.ViTConfig(qkv_bias=False, hidden_act="gelu_new", **FACE)),
    "backbone": (transformers.ViTModel, transformers.ViTConfig(**FACE)),
    "one_head": (transformers.DeiTForImageClassification, transformers.DeiTConfig(**FACE)),
    "two_heads": (transformers.DeiTForImageClassificationWithTeacher,
                  transformers.DeiTConfig(**FACE)),
    "masked": (transformers.ViTMAEForPreTraining, transformers.ViTMAEConfig(
        mask_ratio=0.0, decoder_hidden_size=12, decoder_num_hidden_layers=1,
        decoder_num_attention_heads=3, decoder_intermediate_size=18, **SQUARE)),
}
OTHER_FACES = {
    "dinov2/backbone": (transformers.Dinov2Model, transformers.Dinov2Config(
        mlp_ratio=2, layerscale_value=0.5, **PLAIN)),
    "dinov2/classifier": (transformers.Dinov2ForImageClassification, transformers.Dinov2Config(
        mlp_ratio=2, qkv_bias=False, **PLAIN)),
    "dinov2/gates": (transformers.Dinov2ForImageClassification, transformers.Dinov2Config(
        mlp_ratio=2, use_swiglu_ffn=True, **PLAIN)),
    "dinov2/registers": (
        transformers.Dinov2WithRegistersForImageClassification,
        transformers.Dinov2WithRegistersConfig(mlp_ratio=2, num_register_tokens=3, **PLAIN)),
    "dinov2/backbone_with_registers": (
        transformers.Dinov2WithRegistersModel,
        transformers.Dinov2WithRegistersConfig(
            mlp_ratio=2, num_register_tokens=2, use_swiglu_ffn=True, **PLAIN)),
    "beit/average": (transformers.BeitForImageClassification, transformers.BeitConfig(
        use_relative_position_bias=True, **SQUARE)),
    "beit/token": (transformers.BeitForImageClassification, transformers.BeitConfig(
        use_shared_relative_position_bias=True, use_absolute_position_embeddings=True,
        use_mean_pooling=False, use_mask_token=True, **SQUARE)),
    "huggingface-bit/classifier": (transformers.BitForImageClassification, transformers.BitConfig(
        embedding_size=8, hidden_sizes=[32, 64], depths=[1, 2], num_groups=8, num_labels=5)),
    "huggingface-bit/backbone": (transformers.BitModel, transformers.BitConfig(
        embedding_size=8, hidden_sizes=[32], depths=[2], num_groups=4)),
    "clip/tower": (transformers.CLIPVisionModel, transformers.CLIPVisionConfig(**SQUARE)),
    "clip/projection": (transformers.CLIPVisionModelWithProjection, transformers.CLIPVisionConfig(
        projection_dim=7, hidden_act="gelu", **SQUARE)),
    "clip/classifier": (transformers.CLIPForImageClassification, transformers.CLIPConfig(
        text_config=TEXT, vision_config=SQUARE, num_labels=5)),
    "clip/both": (transformers.CLIPModel, transformers.CLIPConfig(
        text_config=TEXT, vision_config=SQUARE, projection_dim=7)),
    "siglip/tower": (transformers.SiglipVisionModel, transformers.SiglipVisionConfig(**SQUARE)),
    "siglip/classifier": (transformers.SiglipForImageClassification, transformers.SiglipConfig(
        text_config=TEXT, vision_config=SQUARE, num_labels=5)),
    "siglip/both": (transformers.SiglipModel, transformers.SiglipConfig(
        text_config={**TEXT, "projection_size": 12}, vision_config=SQUARE)),
}
LUCID = {"image_size": SIZE, "patch_size": 4, "num_classes": 5, "dim": 12, "depth": 2, "heads": 3,
         "mlp_dim": 18, "dim_head": 5}


def run(model, images):
    """What a model makes of images: logits, or else features."""
    if isinstance(model, (transformers.CLIPModel, transformers.SiglipModel)):
        output = model.get_image_features(images)
        return output if torch.is_tensor(output) else output.pooler_output
    if isinstance(model, transformers.ViTMAEForPreTraining):
        in_order = torch.arange(9.0).expand(len(images), -1)
        return model.vit(images, noise=in_order).last_hidden_state[:, 0]
    output = model(images)
    if torch.is_tensor(output):
        return output
    for name in ("logits", "image_embeds"):
        if name in output:
            return output[name]
    if isinstance(model, transformers.BitModel):
        return output.pooler_output.flatten(1)
    is_vit = isinstance(model, transformers.ViTModel)  # its pooler is a layer of its own
    return output.last_hidden_state[:, 0] if is_vit else output.pooler_output


def record(model, config, size=SIZE):
    """A model's keys and shapes, its configuration and what it makes of two images."""
    if hasattr(model, "save_pretrained"):  # whose files have other keys than its modules
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            file = pathlib.Path(folder) / "model.safetensors"
            shapes = {key: list(value.shape) for key, value in load_file(file).items()}
            save_file(drawn.state(shapes), file, metadata={"format": "pt"})
            model = type(model).from_pretrained(folder)
    else:
        shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
        model.load_state_dict({key: torch.from_numpy(array)
                               for key, array in drawn.state(shapes).items()})
    images = torch.from_numpy(drawn.images(*size)).permute(0, 3, 1, 2)
    with torch.no_grad():
        output = run(model.eval(), images)
    return {"config": config, "image_size": size, "shapes": shapes, "outputs": output.tolist()}


if __name__ == "__main__":
    made = {}
    for name, (architecture, options) in TIMMS.items():
        model = timm.create_model(architecture, **{**TIMM, **options})
        made[f"timm/{name}"] = record(
            model, {"global_pool": model.global_pool, "model_args": {**TIMM, **options}})
    for name, (kind, config) in FACES.items():
        size = (12, 12) if name == "masked" else SIZE
        made[f"huggingface/{name}"] = record(kind(config), config.to_diff_dict(), size)
    for name, (kind, config) in OTHER_FACES.items():
        made[name] = record(kind(config), config.to_diff_dict(), (12, 12))
    for pool in ("cls", "mean"):
        made[f"vit_pytorch/{pool}"] = record(
            vit_pytorch.ViT(pool=pool, **LUCID), {**LUCID, "pool": pool})
    made["torchvision/representation"] = record(torchvision.models.VisionTransformer(
        8, 4, 1, 3, 12, 18, num_classes=5, representation_size=7), {"image_size": 8}, (8, 8))
    pathlib.Path(__file__).with_name("vits_of_torch.json").write_text(
        json.dumps(made, indent=1), encoding="utf-8")
