"""`keras_seqattn.cli.summary`."""

import json

from keras_seqattn import models
from keras_seqattn.models import pretrained


def test_every_shipped_model_is_listed(seqattn):
    code, out, _ = seqattn("list", "--json")
    assert code == 0
    listed = json.loads(out)
    assert set(listed) == {path.parent.name for path in pretrained.FOLDER.glob("*/model.keras")}
    for name, facts in listed.items():
        assert facts["bytes"] == pretrained.locate(name).stat().st_size
        assert facts["writes"] == (models.tokenizer(name) is not None)
    code, out, _ = seqattn("list")
    assert all(name in out for name in listed)


def test_a_summary_says_what_a_model_costs(seqattn, tmp_path):
    models.vit("nano", 16, (32, 32, 3), 10, num_layers=1, embed_dim=12, num_heads=2,
               mlp_dim=17).save(tmp_path / "model.keras")
    code, out, _ = seqattn("summary", tmp_path, "--json")
    assert code == 0
    said, model = json.loads(out), models.load(tmp_path)
    assert said["parameters"] == model.count_params() == sum(
        layer["parameters"] for layer in said["layers"])
    assert said["multiply_adds"] == models.multiply_adds(model)
    assert said["bytes"] == (tmp_path / "model.keras").stat().st_size
    assert said["inputs"] == {"images": [32, 32, 3]}
    assert said["outputs"] == [[10]]
    code, out, _ = seqattn("summary", tmp_path)
    assert f"multiply_adds: {said['multiply_adds']:,}" in out
    assert "TransformerEncoderBlock" in out


def test_a_model_that_is_not_there(seqattn):
    code, _, err = seqattn("summary", "vit_eurosta")
    assert code == 2
    assert "did you mean 'vit_eurosat'?" in err
