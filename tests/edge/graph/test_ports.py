"""`keras_seqattn.edge.graph.ports`: maps of attention that leave with a file."""

import keras
import numpy as np
import pytest
from keras_models import draw, fill, vit
from tolerances import EDGE_FLOAT32

from keras_seqattn import edge, inspection, layers
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge


@pytest.mark.parametrize("kwargs", [
    {"pooling": "mean"}, {"pooling": "token"},
    {"pooling": "mean", "class_token": True, "num_registers": 3, "norm_after_pooling": True,
     "layer_scale": 0.5}, {"pooling": "token", "num_registers": 2}, {"pooling": "map"},
    {"pooling": "map", "num_registers": 3}])
def test_the_attention_map_is_that_of_the_last_block(tmp_path, kwargs):
    model = fill(vit(**kwargs))
    images = draw(model, 37)["images"]
    edge.export(model, tmp_path / "x.tflite", "float32", attention=True)
    outputs = edge.load(tmp_path / "x.tflite")(images)
    assert outputs["attention"].shape == (37, 3, 2)
    expected = inspection.attention_maps(model, images)
    expected /= expected.sum(axis=(1, 2), keepdims=True)  # less what a class token reads of itself
    np.testing.assert_allclose(outputs["attention"], expected, atol=1e-5)
    np.testing.assert_allclose(outputs["logits"], model.predict(images, verbose=0),
                               atol=EDGE_FLOAT32)


def test_a_map_of_attention_needs_patches(tmp_path):
    x = keras.Input((7, 12), name="x")
    model = keras.Model(x, layers.TransformerEncoderBlock(3, 5)(x))
    check_error(lambda: edge.export(model, tmp_path / "x.tflite", attention=True),
                patches=0, attentions=1)
