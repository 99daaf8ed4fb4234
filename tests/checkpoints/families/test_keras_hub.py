"""KerasHub's own models, saved into a folder and loaded: their numbers and what is refused."""

import json

import keras
import keras_hub.models as hub
import numpy as np
import pytest
from keras import ops
from keras_hub.src.models.clip.clip_vision_encoder import CLIPVisionEncoder
from keras_hub.src.models.siglip.siglip_vision_encoder import SigLIPVisionEncoder
from tolerances import FLOAT32

from keras_seqattn import checkpoints
from keras_seqattn.testing import check_error

SIZES = {"num_heads": 3, "hidden_dim": 12, "image_shape": (12, 16, 3)}
WIDE = {**SIZES, "image_shape": (12, 12, 3), "patch_size": 4, "intermediate_dim": 18}


def _vit(num_layers=2, **options):
    return hub.ViTBackbone(patch_size=4, num_layers=num_layers, mlp_dim=18, **SIZES, **options)


def _deit():
    return hub.DeiTBackbone(patch_size=4, num_layers=2, intermediate_dim=18, **SIZES)


MODELS = {
    "vit": _vit,
    "vit_without_a_token": lambda: _vit(1, use_class_token=False, use_patch_bias=False),
    "vit_classifier": lambda: hub.ViTImageClassifier(_vit(), num_classes=5),
    "vit_classifier_of_the_mean": lambda: hub.ViTImageClassifier(
        _vit(1, use_class_token=False), num_classes=5, pooling="gap", intermediate_dim=7),
    "deit": _deit,
    "deit_classifier": lambda: hub.DeiTImageClassifier(_deit(), num_classes=5),
    "dinov2": lambda: hub.DINOV2Backbone(
        num_layers=2, position_embedding_shape=(12, 12), **WIDE),
    "dinov2_with_registers": lambda: hub.DINOV2Backbone(
        num_layers=1, num_register_tokens=2, use_mask_token=False,
        position_embedding_shape=(16, 16), **WIDE),
    "dinov2_of_gates": lambda: hub.DINOV2Backbone(
        num_layers=2, use_swiglu_ffn=True, position_embedding_shape=(12, 12), **WIDE),
    "clip": lambda: CLIPVisionEncoder(num_layers=2, **WIDE),
    "siglip": lambda: SigLIPVisionEncoder(num_layers=2, **WIDE)}


def _save(name, folder):
    """A model with drawn weights, in a folder, and what it makes of two images."""
    keras.utils.set_random_seed(3)
    model, rng = MODELS[name](), np.random.default_rng(5)
    for weight in model.weights:
        if weight.dtype == "float32":
            weight.assign(rng.normal(scale=0.2, size=weight.shape)
                          + (weight.name in ("gamma", "scale")))
    model.save_to_preset(str(folder))
    _, height, width, _ = keras.tree.flatten(model.input)[0].shape
    images = rng.normal(size=(2, height, width, 3)).astype("float32")
    read = {"images": images} if isinstance(model.input, dict) else images
    return images, ops.convert_to_numpy(model(read))


@pytest.mark.parametrize("name", MODELS)
def test_numbers_of_a_folder(name, tmp_path):
    images, expected = _save(name, tmp_path)
    model, report = checkpoints.load_with_report(tmp_path)
    assert report.source == "keras_hub"
    assert report.missing == []
    made = ops.convert_to_numpy(model(images))
    np.testing.assert_allclose(made, expected, atol=FLOAT32, rtol=0)
    checkpoints.save(model, tmp_path / "own.safetensors")
    again = checkpoints.load(tmp_path / "own.safetensors")
    np.testing.assert_array_equal(ops.convert_to_numpy(again(images)), made)


@pytest.mark.parametrize("name", ["dinov2_of_gates", "vit_classifier"])
def test_weights_in_several_files(name, tmp_path):
    images, expected = _save(name, tmp_path)
    model = MODELS[name]()
    backbone = getattr(model, "backbone", model)
    backbone.load_weights(tmp_path / "model.weights.h5")
    backbone.save_weights(tmp_path / "model.weights.json", max_shard_size=1e-5)   # in GiB
    (tmp_path / "model.weights.h5").unlink()
    parts = sorted(tmp_path.glob("model_*.weights.h5"))
    assert len(parts) > 1
    loaded, _ = checkpoints.load_with_report(tmp_path)
    np.testing.assert_allclose(ops.convert_to_numpy(loaded(images)), expected, atol=FLOAT32, rtol=0)
    parts[-1].unlink()
    check_error(lambda: checkpoints.load(tmp_path), file=str(parts[-1]))


@pytest.mark.parametrize(("file", "change", "received"), [
    ("config.json", lambda content: content.update(class_name="ViTBackbon"),
     {"class_name": "ViTBackbon"}),
    ("config.json", lambda content: content.update(class_name="DINOV3Backbone"),
     {"part": "positions by rotation"}),
    ("task.json", lambda content: content["config"].update(pooling="gap"), {"pooling": "gap"}),
    ("task.json", lambda content: content["config"].update(activation="softmax"),
     {"activation": "softmax"}),
])
def test_configurations_of_another_kind(tmp_path, file, change, received):
    _save("vit_classifier", tmp_path)
    content = json.loads((tmp_path / file).read_text(encoding="utf-8"))
    change(content)
    (tmp_path / file).write_text(json.dumps(content), encoding="utf-8")
    check_error(lambda: checkpoints.load(tmp_path), **received)


def test_a_folder_without_its_configuration(tmp_path):
    _save("vit", tmp_path)
    (tmp_path / "config.json").unlink()
    check_error(lambda: checkpoints.load(tmp_path), missing=["class_name", "config"])
