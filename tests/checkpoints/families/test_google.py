"""ViTs go out as google-research/vision_transformer has them, and come back the same."""

import numpy as np
import pytest

from keras_seqattn import checkpoints, layers, models
from keras_seqattn.testing import check_error


@pytest.mark.parametrize("options", [
    {}, {"pooling": "mean"}, {"representation_dim": 11}, {"image_shape": (6, 6, 3)}])
def test_vits_as_google_has_them(tmp_path, rng, options, check_same, small_vit):
    shape = options.pop("image_shape", (6, 10, 3))
    model = models.resize(small_vit(**options), shape)
    checkpoints.save(model, tmp_path / "x.npz", "npz-google")
    back = checkpoints.load(tmp_path / "x.npz", image_shape=shape)
    assert back.get_config()["name"] == model.name
    check_same(model, back, rng.normal(size=(2, *shape)).astype("float32"))


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
