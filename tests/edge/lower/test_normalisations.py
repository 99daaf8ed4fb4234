"""`keras_seqattn.edge.lower.normalisations`: the layers that normalise, on all axes."""

import keras
import numpy as np
import pytest
from keras import ops
from written import check, kinds, model_of

pytestmark = pytest.mark.edge

K = keras.layers
TOKENS, IMAGE = (7, 6), (5, 7, 6)
LAYERS = {
    "layer": K.LayerNormalization(), "layer-1": K.LayerNormalization(axis=1),
    "layer-both": K.LayerNormalization(axis=(1, 2)), "layer-bare": K.LayerNormalization(
        center=False, scale=False), "layer-epsilon": K.LayerNormalization(epsilon=0.1),
    "rms": K.RMSNormalization(),
    "unit": K.UnitNormalization(), "unit-1": K.UnitNormalization(axis=1),
    "batch": K.BatchNormalization(), "batch-1": K.BatchNormalization(axis=1),
    "batch-bare": K.BatchNormalization(center=False, scale=False),
    "group": K.GroupNormalization(3), "group-1": K.GroupNormalization(7, axis=1),
    "group-all": K.GroupNormalization(1), "instance": K.GroupNormalization(-1),
    "spectral": K.SpectralNormalization(K.Dense(5)),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("shape", [TOKENS, IMAGE], ids=["tokens", "image"])
def test_layers_that_normalise(layer, shape, tmp_path):
    made = LAYERS[layer].__class__.from_config(LAYERS[layer].get_config())
    if layer == "group-1" and shape == IMAGE:
        made = K.GroupNormalization(5, axis=1)
    check(model_of(made, shape), tmp_path / "x.tflite")


@pytest.mark.parametrize("function", [
    ops.normalize, lambda x: ops.normalize(x, axis=1, order=1),
    lambda x: ops.normalize(x, axis=1, epsilon=3.0), lambda x: ops.layer_normalization(x),
    lambda x: ops.layer_normalization(x, axis=(1, 2)), lambda x: ops.rms_normalization(x, axis=1),
    lambda x: ops.rms_normalization(x, np.arange(6.0)),
])
def test_functions_that_normalise(function, tmp_path):
    check(model_of(function, TOKENS), tmp_path / "x.tflite")


def test_what_is_zero_stays_zero(tmp_path):
    check(model_of(ops.normalize, TOKENS), tmp_path / "x.tflite",
          {"x0": np.zeros((1, *TOKENS), "float32")})


def test_a_batch_norm_is_a_factor_and_an_offset(tmp_path):
    graph = check(model_of(K.BatchNormalization(), IMAGE), tmp_path / "x.tflite")
    assert kinds(graph) == ["scale"]
