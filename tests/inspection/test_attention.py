"""`keras_seqattn.inspection.attention`: what is shown is what the model computes."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close
from keras import ops
from tolerances import FLOAT32

from keras_seqattn import checkpoints, models
from keras_seqattn.inspection import attention_maps, attention_scores


def test_scores_of_every_block(small_vit, images):
    scores = attention_scores(small_vit(pooling="mean"), images)
    assert [each.shape for each in scores] == [(2, 3, 6, 6)] * 2
    for each in scores:
        np.testing.assert_allclose(each.sum(-1), np.ones((2, 3, 6)), atol=FLOAT32)


def test_the_second_block_sees_what_the_first_put_out(small_vit, images):
    model = small_vit(pooling="mean")
    x = model.get_layer("positions")(model.get_layer("patches")(images))
    x = model.get_layer("block_0")(x)
    _, expected = model.get_layer("block_1")(x, return_attention_scores=True)
    assert_close(attention_scores(model, images)[1], expected)


@pytest.mark.parametrize("block", [0, -1])
@pytest.mark.parametrize(("kwargs", "num_prefix"), [
    ({"pooling": "mean"}, 0), ({"pooling": "mean", "num_registers": 2}, 2),
    ({"pooling": "none", "class_token": True, "num_classes": 0}, 1)])
def test_where_patches_are_pooled_they_all_read(small_vit, images, kwargs, num_prefix, block):
    model = small_vit(**kwargs)
    maps = attention_maps(model, images, block)
    assert maps.shape == (2, 3, 2)
    read = attention_scores(model, images)[block][:, :, num_prefix:, num_prefix:]
    np.testing.assert_allclose(maps.reshape(2, 6), read.mean(axis=(1, 2)), atol=FLOAT32)


@pytest.mark.parametrize(("kwargs", "num_prefix"), [
    ({}, 1), ({"num_registers": 3}, 4), ({"distillation": True}, 2),
    ({"num_registers": 2, "prefix_positions": False}, 3)])
def test_a_class_token_reads_the_patches_behind_all_that_is_none(
        small_vit, images, kwargs, num_prefix):
    model = small_vit(**kwargs)
    read = attention_scores(model, images)[-1][:, :, 0, num_prefix:]
    np.testing.assert_allclose(
        attention_maps(model, images).reshape(2, 6), read.mean(axis=1), atol=FLOAT32)


def test_the_probe_of_attention_pooling_reads_last(small_vit, images):
    model = small_vit(pooling="map", num_registers=1)
    tokens = keras.Model(model.input, model.get_layer("norm").output)(images)
    pool = model.get_layer("pool")
    _, scores = pool.attention(ops.repeat(pool.probe, 2, axis=0), tokens[:, 1:],
                               return_attention_scores=True)
    read = array(scores).mean(axis=1)                                          # (B, 1, 6)
    assert_close(attention_maps(model, images).reshape(2, 6), read[:, 0])
    first = attention_scores(model, images)[0].mean(axis=1)
    assert_close(attention_maps(model, images, 0).reshape(2, 6), (read @ first[:, 1:])[:, 0, 1:])


def test_images_of_another_size(small_vit, rng):
    model = models.resize(small_vit(), (None, None, 3))
    images = rng.normal(size=(1, 16, 40, 3)).astype("float32")
    maps = attention_maps(model, images)
    assert maps.shape == (1, 2, 5)
    assert_close(maps.ravel(), attention_scores(model, images)[-1][0, :, 0, 1:].mean(axis=0))


def test_a_model_of_hugging_face(goldens):
    model, _ = checkpoints.load_with_report(goldens / "hf_vit_gpt2" / "projected")
    images = np.load(goldens / "hf_vit_gpt2" / "projected" / "io.npz")["pixel_values"]
    encoder = model.encoder
    images = images.transpose(0, 2, 3, 1)
    maps = attention_maps(encoder, images)
    geometry = models.vit_geometry(encoder)
    assert maps.shape == (len(images), *geometry.grid)
    assert len(attention_scores(model, {
        "images": images, "tokens": np.ones((len(images), 2), "int32")})) == len(
            attention_scores(encoder, images))
