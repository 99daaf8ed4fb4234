"""`keras_seqattn.edge.lower.slices`: parts of tensors, borders, updates."""

import keras
import numpy as np
import pytest
from keras import ops
from written import check, model_of

pytestmark = pytest.mark.edge

K = keras.layers
SHAPE = (5, 7, 4)
UPDATE = np.full((1, 2, 3, 4), 9, "float32")
FUNCTIONS = {
    "first": lambda x: x[:, 0], "last": lambda x: x[:, -1], "range": lambda x: x[:, 1:4],
    "steps": lambda x: x[:, 1:5:2, ::-1], "backwards": lambda x: x[:, 3:0:-1],
    "backwards-steps": lambda x: x[:, :, 6::-3], "ellipsis": lambda x: x[..., 2:],
    "new-axis": lambda x: x[:, None, ..., 1], "all": lambda x: x[0, 1, 2, 3],
    "rank-5": lambda x: ops.reshape(x, (1, 5, 7, 2, 2))[:, 1:4, :, 0, 1:],
    "rank-6": lambda x: ops.reshape(x[:, :4, :6], (1, 2, 2, 3, 2, 4))[:, :, 1, :, 0, 1:3],
    "slice": lambda x: ops.slice(x, (0, 1, 2, 0), (1, 3, 2, 4)),
    "split": lambda x: ops.split(x, 2, -1), "split-places": lambda x: ops.split(x, [1, 3], 1),
    "array-split": lambda x: ops.array_split(x, 3, 2), "hsplit": lambda x: ops.hsplit(x, [2]),
    "vsplit": lambda x: ops.vsplit(x[0], 5), "unstack": lambda x: ops.unstack(x, axis=1),
    "flip": lambda x: ops.flip(x, 1), "flip-two": lambda x: ops.flip(x, (1, 3)),
    "flip-all": ops.flip, "roll": lambda x: ops.roll(x, 3, 1),
    "roll-back": lambda x: ops.roll(x, -2, 2), "roll-two": lambda x: ops.roll(x, (1, 5), (2, 1)),
    "roll-flat": lambda x: ops.roll(x, 11), "tril": ops.tril, "triu": lambda x: ops.triu(x, 1),
    "update": lambda x: ops.slice_update(x, (0, 2, 1, 0), UPDATE),
}
LAYERS = {
    "crop-1d": (K.Cropping1D((1, 2)), (7, 4)), "crop-2d": (K.Cropping2D(((1, 2), (0, 3))), SHAPE),
    "crop-first": (K.Cropping2D(1, data_format="channels_first"), SHAPE),
    "repeat": (K.RepeatVector(3), (7,)),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_that_take_parts(function, tmp_path):
    check(model_of(function, SHAPE), tmp_path / "x.tflite", atol=0)


@pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS)
def test_layers_that_take_parts(layer, shape, tmp_path):
    check(model_of(layer, shape), tmp_path / "x.tflite", atol=0)


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool", "uint8"])
@pytest.mark.parametrize("name", ["steps", "split", "flip", "roll"])
def test_all_types_are_cut(dtype, name, tmp_path):
    check(model_of(FUNCTIONS[name], (SHAPE, dtype)), tmp_path / "x.tflite", atol=0)


def test_a_triangle_hides_what_is_no_number(tmp_path):
    x = np.zeros((1, 5, 7, 4), "float32")
    x[..., 0, 3] = np.inf
    check(model_of(ops.tril, SHAPE), tmp_path / "x.tflite", {"x0": x}, atol=0)
