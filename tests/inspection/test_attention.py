"""`keras_seqattn.inspection`: what is shown is what the model computes."""

import keras
import numpy as np
import pytest
from keras import ops
from tolerances import FLOAT32

from keras_seqattn import inspection, models
from keras_seqattn.testing import check_error


def _model(pooling="mean"):
    model = models.vit("nano", 7, (21, 14, 3), 5, pooling=pooling, num_layers=2, num_heads=3,
                       embed_dim=12, mlp_dim=17)
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(scale=0.5, size=w.shape) for w in model.weights])
    return model


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, size=(2, 21, 14, 3)).astype("float32")


def test_scores_of_every_block(images):
    model = _model()
    before = ops.convert_to_numpy(model(images))
    scores = inspection.attention_scores(model, images)
    assert [each.shape for each in scores] == [(2, 3, 6, 6)] * 2
    for each in scores:
        np.testing.assert_allclose(each.sum(-1), np.ones((2, 3, 6)), atol=FLOAT32)
    np.testing.assert_array_equal(ops.convert_to_numpy(model(images)), before)


def test_the_second_block_sees_what_the_first_put_out(images):
    model = _model()
    x = model.get_layer("positions")(model.get_layer("patches")(images))
    x = model.get_layer("block_0")(x)
    _, expected = model.get_layer("block_1")(x, return_attention_scores=True)
    np.testing.assert_allclose(
        inspection.attention_scores(model, images)[1], ops.convert_to_numpy(expected),
        atol=FLOAT32)


def test_map_of_mean_pooling_is_the_average_reader(images):
    model = _model()
    maps = inspection.attention_maps(model, images)
    assert maps.shape == (2, 3, 2)
    np.testing.assert_allclose(maps.sum((1, 2)), np.ones(2), atol=FLOAT32)
    last = inspection.attention_scores(model, images)[-1]
    np.testing.assert_allclose(
        maps.reshape(2, 6), last.mean(axis=(1, 2)), atol=FLOAT32)


def test_map_of_a_class_token_is_what_the_token_reads(images):
    model = _model("token")
    last = inspection.attention_scores(model, images)[-1]
    np.testing.assert_allclose(
        inspection.attention_maps(model, images).reshape(2, 6), last[:, :, 0, 1:].mean(axis=1),
        atol=FLOAT32)


def test_a_model_without_blocks():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="plain")
    check_error(lambda: inspection.attention_scores(model, np.ones((1, 3))), model="plain")


def test_figure_has_two_rows(images):
    pytest.importorskip("matplotlib")
    pixels = ((images + 1) * 127.5).astype("uint8")
    figure = inspection.attention_figure(
        pixels, inspection.attention_maps(_model(), images), ["first", "second"])
    assert [axis.get_title() for axis in figure.axes] == ["first", "second", "", ""]
    assert [len(axis.images) for axis in figure.axes] == [1, 1, 2, 2]
