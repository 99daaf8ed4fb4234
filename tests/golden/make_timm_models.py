"""Writes timm_models.json: outputs of tiny models of timm's own architectures.

Needs timm and torch, which the tests do not. Run by hand, only after an intended change:

    PYTHONPATH=tests python tests/golden/make_timm_models.py

Each architecture implies what no array tells: heads, activation, epsilon, place of the norms, what
is pooled. The weights are those that `drawn` draws. Computed with timm 1.0.31 and torch 2.15.0.
"""

import json
import pathlib

import drawn
import timm
import torch

SMALL = {"embed_dim": 12, "depth": 1, "num_heads": 3, "img_size": (8, 12), "patch_size": 4}
# test_vit keeps its width, so that its heads are those of the architecture.
ARCHITECTURES = {
    "test_vit": {"depth": 1, "img_size": (32, 48)},
    "vit_so400m_patch16_siglip_256": {**SMALL, "mlp_ratio": 1.5},
    "vit_so150m_patch16_reg4_map_256": {**SMALL, "mlp_ratio": 1.5},
    "vit_base_patch32_clip_quickgelu_224": {**SMALL, "mlp_ratio": 1.5},
    "vit_base_patch16_rpn_224": {**SMALL, "mlp_ratio": 1.5},
    "vit_giant_patch14_dinov2": {**SMALL, "mlp_ratio": 3.0},
    "vit_base_patch16_radio_v3": {**SMALL, "mlp_ratio": 1.5},
}

if __name__ == "__main__":
    made = {}
    for name, options in ARCHITECTURES.items():
        model = timm.create_model(name, num_classes=5, **options).eval()
        shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
        model.load_state_dict({key: torch.from_numpy(array)
                               for key, array in drawn.state(shapes).items()})
        images = torch.from_numpy(drawn.images(*options["img_size"])).permute(0, 3, 1, 2)
        with torch.no_grad():
            outputs = model(images)
        made[name] = {
            "config": {"architecture": name, "num_classes": 5, "model_args": options},
            "image_size": options["img_size"], "shapes": shapes, "outputs": outputs.tolist()}
    pathlib.Path(__file__).with_name("timm_models.json").write_text(
        json.dumps(made, separators=(",", ":")).replace('},"', '},\n"') + "\n", encoding="utf-8")
