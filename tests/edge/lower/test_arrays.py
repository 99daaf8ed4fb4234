"""`keras_seqattn.edge.lower.arrays`: shapes, joins, repetitions."""

import keras
import numpy as np
import pytest
from keras import ops
from written import check, model_of

pytestmark = pytest.mark.edge

K = keras.layers
SHAPE = (5, 7, 4)
LAYERS = {
    "reshape": K.Reshape((-1, 2)), "permute": K.Permute((3, 1, 2)), "flatten": K.Flatten(),
    "flatten-first": K.Flatten(data_format="channels_first"),
    "identity": K.Identity(), "dropout": K.Dropout(0.3), "gaussian": K.GaussianNoise(0.3),
    "activity": K.ActivityRegularization(0.1), "spatial": K.SpatialDropout2D(0.3),
}
FUNCTIONS = {
    "reshape": lambda x: ops.reshape(x, (1, 10, -1)), "ravel": ops.ravel,
    "transpose": ops.transpose, "moveaxis": lambda x: ops.moveaxis(x, (1, 3), (2, 0)),
    "swapaxes": lambda x: ops.swapaxes(x, 1, -1), "squeeze": lambda x: ops.squeeze(x[:, :1], 1),
    "squeeze-all": lambda x: ops.squeeze(x[:1, :, 2:3]),
    "expand": lambda x: ops.expand_dims(x, (1, -1)),
    "concatenate": lambda x: ops.concatenate([x, 2 * x, np.ones((1, 5, 7, 4), "float32")], -1),
    "concatenate-int": lambda x: ops.concatenate([x, ops.cast(x > 0, "int32")], 1),
    "stack": lambda x: ops.stack([x, x + 1], -1), "append": lambda x: ops.append(x, x),
    "hstack": lambda x: ops.hstack([x, x]), "vstack": lambda x: ops.vstack([x, x]),
    "dstack": lambda x: ops.dstack([x, x]),
    "broadcast": lambda x: ops.broadcast_to(x[:, :, :1], (3, 5, 2, 4)),
    "broadcast-rank": lambda x: ops.broadcast_to(x, (2, 1, 5, 7, 4)),
    "tile": lambda x: ops.tile(x, (2, 1, 3, 1)),
    "tile-rank": lambda x: ops.tile(x, (2, 1, 1, 1, 3)),
    "meshgrid": lambda x: ops.meshgrid(x[0, 0, :, 0], x[0, :, 0, 1], x[0, 1, 2]),
    "meshgrid-ij": lambda x: ops.meshgrid(x[0, 0, :, 0], x[0, :, 0, 1], indexing="ij"),
    "rot90": lambda x: ops.rot90(x, axes=(1, 2)),
    "rot270": lambda x: ops.rot90(x, 3, (1, 2)), "fliplr": ops.fliplr, "flipud": ops.flipud,
    "rank-6": lambda x: ops.transpose(ops.reshape(x[:, :4, :6], (1, 2, 2, 3, 2, 4)),
                                      (0, 1, 3, 2, 4, 5)),
    "rank-6-mixed": lambda x: ops.transpose(ops.reshape(x[:, :4, :6], (1, 2, 2, 3, 2, 4)),
                                            (5, 1, 3, 0, 4, 2)),
    "rank-7": lambda x: ops.transpose(ops.reshape(x[:, :4, :6], (1, 2, 2, 3, 2, 2, 2)),
                                      (0, 6, 3, 2, 5, 1, 4)),
    "windows": lambda x: ops.reshape(ops.transpose(ops.reshape(
        x[:, :4, :6], (1, 2, 2, 3, 2, 4)), (0, 1, 3, 2, 4, 5)), (-1, 4, 4)),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layers_that_move_numbers(layer, tmp_path):
    check(model_of(layer, SHAPE), tmp_path / "x.tflite", atol=0)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_that_move_numbers(function, tmp_path):
    check(model_of(function, SHAPE), tmp_path / "x.tflite", atol=0)


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool", "uint8"])
@pytest.mark.parametrize("name", ["transpose", "concatenate", "stack", "tile", "broadcast",
                                  "rank-6"])
def test_all_types_are_moved(dtype, name, tmp_path):
    function = {"concatenate": lambda x: ops.concatenate([x, x], 2)}.get(name, FUNCTIONS[name])
    if name == "stack":
        function = lambda x: ops.stack([x, x], 1)       # noqa: E731
    check(model_of(function, (SHAPE, dtype)), tmp_path / "x.tflite", atol=0)


@pytest.mark.parametrize("channels", ["channels_first", "channels_last"])
def test_depth_and_space(channels, tmp_path):
    check(model_of(lambda x: ops.nn.depth_to_space(x, 2, data_format=channels), (4, 6, 4)
                   if channels == "channels_last" else (4, 6, 2)), tmp_path / "x.tflite", atol=0)
    check(model_of(lambda x: ops.nn.space_to_depth(x, 2, data_format=channels), (4, 6, 4)),
          tmp_path / "y.tflite", atol=0)


@pytest.mark.parametrize("layer", [K.Add(), K.Subtract(), K.Multiply(), K.Average(), K.Maximum(),
                                   K.Minimum(), K.Concatenate(), K.Concatenate(axis=1)],
                         ids=lambda layer: layer.name)
def test_layers_that_merge(layer, tmp_path):
    check(model_of(lambda a, b: layer([a, b]), (5, 7), (5, 7)), tmp_path / "x.tflite")


@pytest.mark.parametrize("layer", [K.Add(), K.Multiply(), K.Average(), K.Maximum(), K.Minimum()],
                         ids=lambda layer: layer.name)
def test_layers_that_merge_what_broadcasts(layer, tmp_path):
    check(model_of(lambda a, b, c: layer([a, b, c]), (5, 7), (1, 7), (5, 1)),
          tmp_path / "x.tflite")
