"""Writes vision_encoder_decoders.json: what models of transformers write about two images.

Needs transformers and torch, which the tests do not. Run by hand, only after an intended change:

    PYTHONPATH=tests python tests/golden/make_vision_encoder_decoders.py

The weights are drawn by `drawn`. The output of one is tied and that of the other is not, which also
has a DeiT and several end tokens. Computed with transformers 5.24.0 and torch 2.15.0.
"""

import json
import pathlib
import tempfile

import drawn
import torch
import transformers
from safetensors.numpy import load_file, save_file

SIZE, LENGTH = (12, 12), 9
SEEING = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 3,
          "intermediate_size": 18, "image_size": 12, "patch_size": 4}
WRITING = {"n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 17, "vocab_size": 13,
           "bos_token_id": 1, "add_cross_attention": True}
KINDS = {
    "vit": (transformers.ViTConfig, {"eos_token_id": 2}),
    "deit": (transformers.DeiTConfig, {"tie_word_embeddings": False, "eos_token_id": [9, 10]}),
}


def record(seeing, writing):
    """A model's keys and shapes, its configurations, and what it makes of two images."""
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        seeing(**SEEING), transformers.GPT2Config(**WRITING, **writing))
    config.decoder_start_token_id, config.pad_token_id = 1, 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        transformers.VisionEncoderDecoderModel(config).save_pretrained(folder)
        file = folder / "model.safetensors"
        shapes = {key: list(value.shape) for key, value in load_file(file).items()}
        save_file(drawn.state(shapes), file, metadata={"format": "pt"})
        model = transformers.VisionEncoderDecoderModel.from_pretrained(folder).eval()
        configs = {name: json.loads((folder / name).read_text(encoding="utf-8"))
                   for name in ("config.json", "generation_config.json")}
    images = torch.from_numpy(drawn.images(*SIZE)).permute(0, 3, 1, 2)
    tokens = torch.tensor([[1, 3, 8, 6, 4], [1, 9, 12, 11, 10]])
    with torch.no_grad():
        logits = model(pixel_values=images, decoder_input_ids=tokens).logits
        written = model.generate(images, max_length=LENGTH, do_sample=False, num_beams=1)
    return {"configs": configs, "image_size": SIZE, "shapes": shapes, "tokens": tokens.tolist(),
            "outputs": logits.tolist(), "written": written.tolist()}


if __name__ == "__main__":
    pathlib.Path(__file__).with_name("vision_encoder_decoders.json").write_text(
        json.dumps({name: record(*kind) for name, kind in KINDS.items()}, indent=1),
        encoding="utf-8")
