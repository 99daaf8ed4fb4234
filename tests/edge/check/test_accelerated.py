"""`keras_seqattn.edge.check.accelerated`: every precision on LiteRT's GPU accelerator."""

import numpy as np
import pytest

from keras_seqattn import edge, models
from keras_seqattn.edge.precisions import PRECISIONS
from keras_seqattn.edge.run import gpu
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
LEFT = {"dynamic_wi4_afp32": "weights of 4 bits end the process",
        "static_wi8_ai16": "a tensor of int16"}
NOISE = 2e-6    # of float32, where the CPU's file is off by less


@pytest.fixture(scope="module")
def model():
    """A small ViT with a convolutional stem, of weights without offsets."""
    built = models.vit("nano", 8, (24, 16, 3), 5, num_layers=2, num_heads=2, embed_dim=64,
                       mlp_dim=128, stem="conv")
    rng = np.random.default_rng(5)
    built.set_weights([
        np.ones(each.shape) if each.name == "gamma" else
        rng.normal(scale=1 / np.sqrt(np.prod(each.shape[:-1]) or 1), size=each.shape)
        for each in built.weights])
    return built


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(7).uniform(-1, 1, (37, 24, 16, 3)).astype("float32")


def _exported(model, images, folder, precision):
    path = folder / f"{precision}.tflite"
    edge.export(model, path, precision, calibration=images)
    return path


@pytest.mark.parametrize("precision", sorted(set(PRECISIONS) - set(LEFT)))
def test_a_file_is_taken_whole_and_is_no_worse_than_on_the_cpu(
        vulkan, model, images, tmp_path, precision):
    path = _exported(model, images, tmp_path, precision)
    report = edge.verify(path, model, images[:13], runs=1, on="gpu")
    assert report.failures == []
    assert report.gpu["whole"] == {"serving_default": True}
    error = report.gpu["errors"]["logits"]
    assert error["gpu"] <= 1.05 * error["cpu"] + NOISE
    assert edge.load(path).contract["processors"]["gpu"] == ["serving_default"]


def test_a_file_of_pixels_is_taken_whole(vulkan, model, images, tmp_path):
    path = tmp_path / "pixels.tflite"
    edge.export(model, path, "float32", image_input="uint8")
    report = edge.verify(path, model, images[:5], runs=1, on="gpu")
    assert report.failures == []
    assert report.gpu["whole"] == {"serving_default": True}


@pytest.mark.parametrize("precision", LEFT)
def test_a_file_that_is_not_for_it_never_reaches_the_accelerator(
        vulkan, model, images, tmp_path, monkeypatch, precision):
    monkeypatch.setattr(gpu, "run", lambda *_: pytest.fail("the accelerator was asked"))
    path = _exported(model, images, tmp_path, precision)
    report = edge.verify(path, model, images[:13], runs=1, on="gpu")
    assert report.gpu["whole"] == {"serving_default": False}
    assert any(LEFT[precision] in text for text in report.failures)
    assert edge.load(path).contract["processors"] == {"cpu": ["serving_default"], "gpu": []}


def test_steps_of_a_translator_are_compared_with_the_models_own(vulkan, translator):
    model = models.load(translator.folder)
    report = edge.verify(translator.file, model, on="gpu")
    assert report.gpu["whole"]["decode_step"], report.gpu["refused"]
    assert report.gpu["errors"]["decode_step/logits"]["gpu"] < 1e-5


def test_another_model_is_seen_on_the_gpu_too(vulkan, model, images, tmp_path):
    path = _exported(model, images, tmp_path, "float32")
    report = edge.verify(path, lambda x: 2 * model.predict(x, verbose=0), images[:3], runs=1,
                         on="gpu")
    assert any(text.startswith("on the GPU the mean error") for text in report.failures)


def test_an_unknown_processor_and_another_format_are_refused(model):
    check_error(lambda: edge.verify("x.tflite", model, on="tpu"), on="tpu")
    check_error(lambda: edge.verify("x.onnx", model, on="gpu"), file="x.onnx")
