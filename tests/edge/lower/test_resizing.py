"""`keras_seqattn.edge.lower.resizing`: images of other sizes, grey, in patches, prepared."""

import keras
import numpy as np
import pytest
from keras import ops
from written import check, model_of

pytestmark = pytest.mark.edge

K = keras.layers
IMAGE = (11, 7, 3)
PREPARED = {
    "resizing": K.Resizing(5, 9), "nearest": K.Resizing(17, 5, interpolation="nearest"),
    "bicubic": K.Resizing(17, 5, interpolation="bicubic"),
    "lanczos": K.Resizing(5, 9, interpolation="lanczos3"),
    "antialias": K.Resizing(4, 3, antialias=True),
    "crop": K.Resizing(5, 5, crop_to_aspect_ratio=True),
    "pad": K.Resizing(6, 9, pad_to_aspect_ratio=True, fill_value=0.5),
    "centre": K.CenterCrop(5, 4), "centre-resize": K.CenterCrop(13, 5),
    "rescaling": K.Rescaling(1 / 127.5, -1),
    "rescaling-each": K.Rescaling([0.1, 0.2, 0.3], [1, 2, 3]),
    "normalization": K.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0]),
    "normalization-one": K.Normalization(mean=0.4, variance=2.0),
    "normalization-back": K.Normalization(mean=0.4, variance=2.0, invert=True),
    "flip": K.RandomFlip(), "rotation": K.RandomRotation(0.1), "zoom": K.RandomZoom(0.1),
    "translation": K.RandomTranslation(0.1, 0.1), "contrast": K.RandomContrast(0.1),
    "brightness": K.RandomBrightness(0.1), "crop-random": K.RandomCrop(5, 4),
    "erasing": K.RandomErasing(), "hue": K.RandomHue(0.1), "shear": K.RandomShear(0.1),
    "grayscale": K.RandomGrayscale(0.5), "sharpness": K.RandomSharpness(0.5),
}


@pytest.mark.parametrize("layer", PREPARED.values(), ids=PREPARED)
def test_layers_that_prepare_images(layer, tmp_path):
    check(model_of(layer, IMAGE), tmp_path / "x.tflite")


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic"])
def test_pixels_are_rounded_where_keras_rounds_them(interpolation, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (1, *IMAGE)).astype("uint8")
    layer = K.Resizing(5, 9, interpolation=interpolation, dtype="uint8")
    check(model_of(layer, (IMAGE, "uint8")), tmp_path / "x.tflite", {"x0": pixels})


@pytest.mark.parametrize("size", [(22, 14), (11, 14), (5, 3), (23, 15)], ids=str)
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic", "lanczos5"])
def test_resize(size, interpolation, tmp_path):
    check(model_of(lambda x: ops.image.resize(x, size, interpolation), IMAGE),
          tmp_path / "x.tflite")


def test_a_single_image(tmp_path):
    check(model_of(lambda x: ops.image.resize(x[0], (5, 9)), IMAGE), tmp_path / "x.tflite")


def test_grey(tmp_path):
    check(model_of(ops.image.rgb_to_grayscale, IMAGE), tmp_path / "x.tflite")


def test_patches_that_touch(tmp_path):
    check(model_of(lambda x: ops.image.extract_patches(x, (3, 2)), IMAGE), tmp_path / "x.tflite",
          atol=0)


def test_bins(tmp_path):
    check(model_of(K.Discretization(bin_boundaries=[-0.5, 0.1, 0.8]), (7,)), tmp_path / "x.tflite")


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_categories(mode, tmp_path):
    layer = K.CategoryEncoding(num_tokens=6, output_mode=mode)
    check(model_of(layer, ((1 if mode == "one_hot" else 5,), "int32")), tmp_path / "x.tflite")
