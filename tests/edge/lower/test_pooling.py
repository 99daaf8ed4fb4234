"""`keras_seqattn.edge.lower.pooling`: windows of lengths that differ by one."""

import keras
import numpy as np
import pytest
from written import check, model_of

pytestmark = pytest.mark.edge

K = keras.layers
LAYERS = {
    "average": (K.AdaptiveAveragePooling1D(5), (13, 3)),
    "max": (K.AdaptiveMaxPooling1D(5), (13, 3)),
    "image": (K.AdaptiveAveragePooling2D((5, 3)), (11, 7, 2)),
    "image-max": (K.AdaptiveMaxPooling2D((4, 7)), (11, 7, 2)),
    "first": (K.AdaptiveAveragePooling2D((5, 3), data_format="channels_first"), (2, 11, 7)),
}


@pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS)
def test_pooling_to_a_size(layer, shape, tmp_path):
    check(model_of(layer, shape), tmp_path / "x.tflite")


def test_windows_by_hand(tmp_path):
    x = np.asarray([[[1], [2], [4], [8], [16]]], "float32")
    model = model_of(K.AdaptiveAveragePooling1D(3), (5, 1))
    made, = check(model, tmp_path / "x.tflite", {"x0": x}).run({"x0": x}).values()
    np.testing.assert_allclose(np.ravel(made), [1.5, 14 / 3, 12])
