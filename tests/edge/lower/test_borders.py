"""`keras_seqattn.edge.lower.borders`: borders of tensors and images."""

import keras
import pytest
from keras import ops
from written import check, model_of

pytestmark = pytest.mark.edge

K = keras.layers
SHAPE = (5, 7, 4)
FUNCTIONS = {
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 0), (3, 0))),
    "pad-value": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 0), (0, 0)), constant_values=1.5),
    "pad-reflect": lambda x: ops.pad(x, ((0, 0), (1, 2), (3, 3), (0, 0)), "reflect"),
    "pad-symmetric": lambda x: ops.pad(x, ((0, 0), (1, 2), (3, 3), (0, 0)), "symmetric"),
    "pad-rank-5": lambda x: ops.pad(
        ops.expand_dims(x, 1), ((0, 0), (0, 0), (1, 2), (0, 1), (0, 0))),
    "pad-images": lambda x: ops.image.pad_images(x, 1, 2, target_height=9, target_width=11),
    "crop-images": lambda x: ops.image.crop_images(x, 1, 2, target_height=3, target_width=4),
}
LAYERS = {
    "pad-1d": (K.ZeroPadding1D((1, 2)), (7, 4)),
    "pad-2d": (K.ZeroPadding2D(((1, 2), (0, 3))), SHAPE),
    "pad-first": (K.ZeroPadding2D(1, data_format="channels_first"), SHAPE),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_of_borders(function, tmp_path):
    check(model_of(function, SHAPE), tmp_path / "x.tflite", atol=0)


@pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS)
def test_layers_of_borders(layer, shape, tmp_path):
    check(model_of(layer, shape), tmp_path / "x.tflite", atol=0)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_borders_of_integers(dtype, tmp_path):
    check(model_of(FUNCTIONS["pad"], (SHAPE, dtype)), tmp_path / "x.tflite", atol=0)
