"""This library's own files: the same model comes back, or a refusal that names why."""

import json

import keras
import pytest
from safetensors.numpy import load_file, save_file

from keras_seqattn import checkpoints, layers, models
from keras_seqattn.testing import check_error


@pytest.mark.parametrize("options", [
    {"pooling": "map", "num_registers": 3, "layer_scale": 0.1, "use_qkv_bias": False},
    {"pooling": "mean", "stem": "shifted", "locality": True, "norm_after_pooling": True},
    {"distillation": True, "prefix_positions": False, "activation": "gelu"},
    {"position": "sinusoidal", "embed_dim": 8, "representation_dim": 11, "dtype": "bfloat16"}])
def test_any_vit_as_safetensors(tmp_path, rng, options, check_same):
    model = models.vit("nano", 2, (6, 10, 3), 5, num_layers=2, num_heads=2, **{
        "embed_dim": 6, "mlp_dim": 7, **options})
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    checkpoints.save(model, tmp_path / "x.safetensors")
    back, report = checkpoints.load_with_report(tmp_path / "x.safetensors")
    assert report.to_dict() == {"source": "keras_seqattn", "unused": [], "missing": [],
                                "reshaped": {}, "labels": None, "others": [], "assumed": {}}
    check_same(model, back, rng.normal(size=(2, 6, 10, 3)).astype("float32"))


def test_another_model_as_safetensors(tmp_path, rng, check_same):
    model = keras.Sequential([keras.Input((7, 3)), layers.TransformerEncoderBlock(3, 5)])
    checkpoints.save(model, tmp_path / "x.safetensors")
    check_same(model, checkpoints.load(tmp_path / "x.safetensors"),
          rng.normal(size=(2, 7, 3)).astype("float32"))


@pytest.mark.parametrize("change", [
    lambda described: described.pop("keys"), lambda described: described["keys"].pop(),
    lambda described: described["model"].update(class_name="Gone"),
    lambda described: described["model"].update(
        module="keras.layers", class_name="Lambda", registered_name=None,
        config={"name": "run", "function": {"class_name": "__lambda__", "config": {
            "code": "4w==", "defaults": None, "closure": None}}})])
def test_descriptions_that_nobody_wrote(tmp_path, change, small_vit):
    checkpoints.save(small_vit(), tmp_path / "x.safetensors")
    described = json.loads(checkpoints.State(tmp_path / "x.safetensors").metadata["keras_seqattn"])
    change(described)
    save_file(load_file(tmp_path / "x.safetensors"), tmp_path / "x.safetensors",
              metadata={"keras_seqattn": json.dumps(described)})
    check_error(lambda: checkpoints.load(tmp_path / "x.safetensors"))


def test_others_may_read_what_they_may_read_of_any_file(tmp_path, small_vit):
    (tmp_path / "usual").touch()
    checkpoints.save(small_vit(), tmp_path / "x.safetensors")
    assert (tmp_path / "x.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode
