"""Small Vision Transformers of a grid that is not square, and images for them."""

import functools

import keras
import pytest
from arrays import normal

from keras_seqattn import models
from keras_seqattn.layers import TransformerEncoderBlock

SHAPE = (24, 16, 3)  # a grid of 3 × 2


@functools.cache
def _built(image_shape, num_classes, **kwargs):
    return models.vit("nano", 8, image_shape, num_classes, num_layers=2, num_heads=3, embed_dim=12,
                      mlp_dim=17, **kwargs)


@pytest.fixture
def drawn(rng):
    """Function that draws all weights of a model."""
    def draw(model):
        for weight in model.weights:
            weight.assign(rng.normal(scale=0.5, size=weight.shape))
        return model

    return draw


@pytest.fixture
def small_vit(drawn):
    """Function from arguments to a model, all weights drawn anew; each is built once."""
    def build(image_shape=SHAPE, num_classes=5, **kwargs):
        return drawn(_built(image_shape, num_classes, **kwargs))

    return build


@pytest.fixture
def images(rng):
    return normal(rng, 2, *SHAPE)


@pytest.fixture
def sequences(drawn):
    """A classifier of sequences, `(B, 5, 12)`, whose six heads share two keys and values."""
    x = inputs = keras.Input((5, 12))
    for _ in range(2):
        x = TransformerEncoderBlock(6, 7, num_kv_heads=2)(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return drawn(keras.Model(inputs, keras.layers.Dense(4)(x)))
