"""Weights go out and come back: the same arrays, the same numbers, or a refusal that names why."""

import json

import keras
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file, save_file

from keras_seqattn import checkpoints, layers, models
from keras_seqattn.testing import check_error


def _vit(**options):
    model = models.vit("nano", 2, (6, 10, 3), 5, num_layers=2, num_heads=2, embed_dim=6,
                       mlp_dim=7, **{"activation": layers.gelu_tanh, **options})
    rng = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


def _check_same(one, other, inputs):
    for ours, theirs in zip(one.weights, other.weights, strict=True):
        assert (ours.name, ours.dtype) == (theirs.name, theirs.dtype)
        np.testing.assert_array_equal(ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs))
    np.testing.assert_array_equal(ops.convert_to_numpy(one(inputs)),
                                  ops.convert_to_numpy(other(inputs)))


@pytest.mark.parametrize("options", [
    {"pooling": "map", "num_registers": 3, "layer_scale": 0.1, "use_qkv_bias": False},
    {"pooling": "mean", "stem": "shifted", "locality": True, "norm_after_pooling": True},
    {"distillation": True, "prefix_positions": False, "activation": "gelu"},
    {"position": "sinusoidal", "embed_dim": 8, "representation_dim": 11, "dtype": "bfloat16"}])
def test_any_vit_as_safetensors(tmp_path, rng, options):
    model = models.vit("nano", 2, (6, 10, 3), 5, num_layers=2, num_heads=2, **{
        "embed_dim": 6, "mlp_dim": 7, **options})
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    checkpoints.save(model, tmp_path / "x.safetensors")
    back, report = checkpoints.load_with_report(tmp_path / "x.safetensors")
    assert report.to_dict() == {"source": "keras_seqattn", "unused": [], "missing": [],
                                "reshaped": {}, "labels": None}
    _check_same(model, back, rng.normal(size=(2, 6, 10, 3)).astype("float32"))


def test_another_model_as_safetensors(tmp_path, rng):
    model = keras.Sequential([keras.Input((7, 3)), layers.TransformerEncoderBlock(3, 5)])
    checkpoints.save(model, tmp_path / "x.safetensors")
    _check_same(model, checkpoints.load(tmp_path / "x.safetensors"),
          rng.normal(size=(2, 7, 3)).astype("float32"))


@pytest.mark.parametrize("options", [
    {}, {"pooling": "mean"}, {"representation_dim": 11}, {"image_shape": (6, 6, 3)}])
def test_vits_as_google_has_them(tmp_path, rng, options):
    shape = options.pop("image_shape", (6, 10, 3))
    model = models.resize(_vit(**options), shape)
    checkpoints.save(model, tmp_path / "x.npz", "npz-google")
    back = checkpoints.load(tmp_path / "x.npz", image_shape=shape)
    assert back.get_config()["name"] == model.name
    _check_same(model, back, rng.normal(size=(2, *shape)).astype("float32"))


@pytest.mark.parametrize("name", ["token", "gap", "pre_logits"])
def test_published_files_come_back_bit_for_bit(goldens, tmp_path, name):
    published = goldens / "google_vit_npz" / name / "checkpoint.npz"
    checkpoints.save(checkpoints.load(published), tmp_path / "x.npz", "npz-google")
    with np.load(published, allow_pickle=False) as one, \
            np.load(tmp_path / "x.npz", allow_pickle=False) as other:
        assert set(one.files) == set(other.files)
        for key in one.files:
            np.testing.assert_array_equal(one[key], other[key])


@pytest.mark.parametrize(("options", "part"), [
    ({"pooling": "map"}, "pool (AttentionPooling)"),
    ({"num_registers": 2}, "registers (ClassToken)"),
    ({"stem": "shifted"}, "patches (ShiftedPatchEmbedding)"),
    ({"position": "sinusoidal", "embed_dim": 8}, "positions (PositionalEncoding)"),
    ({"locality": True}, "block_0 (LocalityEncoderBlock)"),
    ({"pooling": "mean", "norm_after_pooling": True}, "norm behind the pooling"),
    ({"prefix_positions": False}, "positions of the patches only"),
    ({"pooling": "mean", "class_token": True}, "without_prefix (Cropping1D)"),
    ({"distillation": True}, "class (FirstTokens)"),
    ({"pooling": "none"}, "no pool"),
    ({"epsilon": 1e-5}, "another epsilon than 1e-6"),
    ({"layer_scale": 0.1}, "LayerScale"),
    ({"use_qkv_bias": False}, "attention without biases"),
    ({"activation": "gelu"}, "another activation than tanh GELU"),
])
def test_what_googles_format_cannot_hold(tmp_path, options, part):
    model = models.vit("nano", 2, (6, 10, 3), 5, num_layers=1, num_heads=2, **{
        "embed_dim": 6, "mlp_dim": 7, "activation": layers.gelu_tanh, **options})
    check_error(lambda: checkpoints.save(model, tmp_path / "x.npz", "npz-google"), part=part)
    assert not list(tmp_path.iterdir())


def test_formats_that_are_none(tmp_path):
    check_error(lambda: checkpoints.save(_vit(), tmp_path / "x.npz", "npz"), format="npz")


@pytest.mark.parametrize("change", [
    lambda described: described.pop("keys"), lambda described: described["keys"].pop(),
    lambda described: described["model"].update(class_name="Gone"),
    lambda described: described["model"].update(
        module="keras.layers", class_name="Lambda", registered_name=None,
        config={"name": "run", "function": {"class_name": "__lambda__", "config": {
            "code": "4w==", "defaults": None, "closure": None}}})])
def test_descriptions_that_nobody_wrote(tmp_path, change):
    checkpoints.save(_vit(), tmp_path / "x.safetensors")
    described = json.loads(checkpoints.State(tmp_path / "x.safetensors").metadata["keras_seqattn"])
    change(described)
    save_file(load_file(tmp_path / "x.safetensors"), tmp_path / "x.safetensors",
              metadata={"keras_seqattn": json.dumps(described)})
    check_error(lambda: checkpoints.load(tmp_path / "x.safetensors"))


def test_others_may_read_what_they_may_read_of_any_file(tmp_path):
    (tmp_path / "usual").touch()
    checkpoints.save(_vit(), tmp_path / "x.safetensors")
    assert (tmp_path / "x.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode
