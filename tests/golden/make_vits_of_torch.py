"""Writes vits_of_torch.npz: states and outputs of tiny models of timm, torchvision and transformers.

Needs those projects and torch, which the tests do not. Run by hand, only after an intended change:

    python tests/golden/make_vits_of_torch.py

Each model has random weights of a fixed seed and kinds of parts that few checkpoints combine:
rectangular images, registers, LayerScale, averages with the norm behind them, no bias of query, key
and value, attention pooling, distillation. Computed with timm 1.0.31, torchvision 0.29.1,
transformers 5.24.0 and torch 2.14.1.
"""

import json
import pathlib

import numpy as np
import timm
import torch
import torchvision
import transformers

SIZE = (8, 12)
TIMM = {"embed_dim": 12, "depth": 1, "num_heads": 3, "num_classes": 5, "img_size": SIZE,
        "patch_size": 4, "mlp_ratio": 1.5}
FACE = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 3,
        "intermediate_size": 18, "image_size": list(SIZE), "patch_size": 4, "num_labels": 5}
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
}
FACES = {
    "no_bias": (transformers.ViTForImageClassification,
                transformers.ViTConfig(qkv_bias=False, hidden_act="gelu_new", **FACE)),
    "backbone": (transformers.ViTModel, transformers.ViTConfig(**FACE)),
    "one_head": (transformers.DeiTForImageClassification, transformers.DeiTConfig(**FACE)),
    "two_heads": (transformers.DeiTForImageClassificationWithTeacher,
                  transformers.DeiTConfig(**FACE)),
}


def drawn(model):
    """The model with weights that do not depend on its own initialisation."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            centre = 1.0 if weight.ndim == 1 and "weight" in name else 0.0
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.2 + centre)
    return model.eval()


def record(arrays, name, model, config, run, size=SIZE):
    """Adds a model's state, its configuration and what it makes of an image."""
    images = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        output = run(model, images)
    arrays |= {f"{name}/state/{key}": value.numpy() for key, value in model.state_dict().items()}
    arrays[f"{name}/config"] = np.array(json.dumps(config))
    arrays[f"{name}/images"] = images.permute(0, 2, 3, 1).numpy()
    arrays[f"{name}/outputs"] = output.numpy()


if __name__ == "__main__":
    made = {}
    for name, (architecture, options) in TIMMS.items():
        model = drawn(timm.create_model(architecture, **TIMM, **options))
        pooling = {"global_pool": model.global_pool}
        record(made, f"timm/{name}", model, {**pooling, "model_args": {**TIMM, **options}},
               lambda model, images: model(images))
    for name, (kind, config) in FACES.items():
        record(made, f"huggingface/{name}", drawn(kind(config)), config.to_diff_dict(),
               lambda model, images: getattr(
                   model(images), "logits", None) if hasattr(model(images), "logits")
               else model(images).last_hidden_state[:, 0])
    record(made, "torchvision/representation", drawn(torchvision.models.VisionTransformer(
        8, 4, 1, 3, 12, 18, num_classes=5, representation_size=7)), {"image_size": 8},
        lambda model, images: model(images), size=(8, 8))
    np.savez_compressed(pathlib.Path(__file__).with_name("vits_of_torch.npz"), **made)
