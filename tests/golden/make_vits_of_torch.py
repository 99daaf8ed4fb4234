"""Writes vits_of_torch.json: outputs of tiny models of timm, torchvision and transformers.

Needs those projects and torch, which the tests do not. Run by hand, only after an intended change:

    PYTHONPATH=tests python tests/golden/make_vits_of_torch.py

Each model has weights that `drawn` draws and kinds of parts that few checkpoints combine: rectangular images, registers, LayerScale, averages with the norm behind them, no bias of query, key
and value, attention pooling, distillation. Computed with timm 1.0.31, torchvision 0.29.1,
transformers 5.24.0 and torch 2.14.1.
"""

import json
import pathlib
import tempfile

import drawn
import timm
import torch
import torchvision
import transformers
from safetensors.numpy import load_file, save_file

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
        output = model.eval()(images)
    if not torch.is_tensor(output):
        output = output.logits if "logits" in output else output.last_hidden_state[:, 0]
    return {"config": config, "image_size": size, "shapes": shapes, "outputs": output.tolist()}


if __name__ == "__main__":
    made = {}
    for name, (architecture, options) in TIMMS.items():
        model = timm.create_model(architecture, **TIMM, **options)
        made[f"timm/{name}"] = record(
            model, {"global_pool": model.global_pool, "model_args": {**TIMM, **options}})
    for name, (kind, config) in FACES.items():
        made[f"huggingface/{name}"] = record(kind(config), config.to_diff_dict())
    made["torchvision/representation"] = record(torchvision.models.VisionTransformer(
        8, 4, 1, 3, 12, 18, num_classes=5, representation_size=7), {"image_size": 8}, (8, 8))
    pathlib.Path(__file__).with_name("vits_of_torch.json").write_text(
        json.dumps(made, indent=1), encoding="utf-8")
