"""`keras_seqattn.models.discrete_vae`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close
from tolerances import EXACT

from keras_seqattn import models
from keras_seqattn.models.discrete_vae import (
    DiscreteVAE,
    dvae_decoder,
    dvae_encoder,
    map_pixels,
    unmap_pixels,
)
from keras_seqattn.testing import check_error

SMALL = {"vocab_size": 13, "image_shape": (8, 12, 3), "filters": 8, "embed_dim": 5,
         "num_groups": 3, "num_blocks": 1}


def _drawn(**kwargs):
    model, rng = models.dvae(**{**SMALL, **kwargs}), np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(scale=0.3, size=weight.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return _drawn()


@pytest.fixture
def images(rng):
    return rng.uniform(size=(2, 8, 12, 3)).astype("float32")


def _count(channels, vocab_size, filters, embed_dim, num_groups, num_blocks):
    """Weights of an encoder and of a decoder, by arithmetic."""
    def block(inputs, outputs, sides):
        widths = [inputs, *[outputs // 4] * 3, outputs]
        convolutions = sum(a * b * side**2 + b for a, b, side in zip(
            widths[:-1], widths[1:], sides, strict=True))
        return convolutions + (0 if inputs == outputs else (inputs + 1) * outputs)

    counts = []
    for width, grids, sides in ((filters, range(num_groups), (3, 3, 3, 1)),
                                (embed_dim, range(num_groups)[::-1], (1, 3, 3, 3))):
        total = 0
        for outputs in (filters * 2**grid for grid in grids for _ in range(num_blocks)):
            total += block(width, outputs, sides)
            width = outputs
        counts.append((total, width))
    (encoder, deep), (decoder, fine) = counts
    return (encoder + (49 * channels + 1) * filters + (deep + 1) * vocab_size,
            decoder + vocab_size * embed_dim + (fine + 1) * 2 * channels)


def test_counts_are_those_of_the_published_models():
    """Weights of 215 and 175 MB in float32; the arithmetic is that of a model.

    The decoder has 128 fewer: the bias of its first convolution is part of the table.
    """
    small = models.dvae(13, (2, 6, 3), filters=8, embed_dim=5, num_groups=2, num_blocks=2)
    counts = small.encoder.count_params(), small.decoder.count_params()
    assert counts == _count(3, 13, 8, 5, 2, 2)
    published = _count(3, 8192, 256, 128, 4, 2)
    assert published == (53_786_240, 43_829_766 - 128)
    assert [round(4e-6 * count) for count in published] == [215, 175]


def test_a_block_by_hand():
    """One pixel: only the middle of each kernel counts, and the gain is 1/(groups·blocks)²."""
    encoder = dvae_encoder(2, (1, 1, 1), filters=4, num_groups=1, num_blocks=2)
    for weight in encoder.weights:
        weight.assign(np.zeros(weight.shape))

    def set_middle(name, value):
        kernel = encoder.get_layer(name).kernel
        side = kernel.shape[0] // 2
        change = np.zeros(kernel.shape)
        change[side, side, 0, 0] = value
        kernel.assign(change)

    set_middle("input", 2.0)
    for i, value in enumerate((3.0, 0.5, 2.0, 4.0), start=1):
        set_middle(f"group_1_block_1_conv_{i}", value)
    set_middle("logits", 1.0)
    pixel = np.full((1, 1, 1, 1), 0.25, "float32")
    assert_close(encoder(pixel)[0, 0, 0], [0.5 + 0.5 * 12.0 / 4, 0.0])
    assert_close(encoder(-pixel)[0, 0, 0], [0.0, 0.0])  # ReLU before each convolution


def test_codes_are_the_likeliest_and_are_painted(model, images):
    logits = array(model.encoder(map_pixels(images)))
    codes = model.encode(images)
    assert logits.shape == (2, 2, 3, 13)
    np.testing.assert_array_equal(array(codes), logits.argmax(-1))
    parameters = array(model.decoder(codes))
    assert_close(model(map_pixels(images)), parameters)
    location = 1 / (1 + np.exp(-parameters[..., :3]))
    assert_close(model.decode(codes), np.clip((location - 0.1) / 0.8, 0, 1))


def test_a_code_is_seen_where_it_stands(model):
    """Of the decoder's blocks an image of one code is four times as high and wide."""
    one = models.dvae(**{**SMALL, "image_shape": (None, None, 3)})
    one.set_weights(model.get_weights())
    assert one.decode(np.array([[[3]]], "int32")).shape == (1, 4, 4, 3)
    assert one.encode(np.zeros((1, 4, 8, 3), "float32")).shape == (1, 1, 2)
    check_error(lambda: one.encode(np.zeros((1, 4, 6, 3), "float32")), sides=(4, 6), code_side=4)


def test_pixels_are_mapped_there_and_back(images):
    mapped = map_pixels(images)
    assert 0.1 <= mapped.min() <= mapped.max() <= 0.9
    assert_close(unmap_pixels(mapped), images)
    assert_close(unmap_pixels(np.array([0.0, 1.0], "float32")), [0.0, 1.0])


def test_it_comes_back_from_a_file(model, images, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(again(images), array(model(images)), atol=EXACT)
    np.testing.assert_array_equal(array(again.encode(images)), array(model.encode(images)))


def test_mixed_precision_returns_float32(images):
    mixed = _drawn(dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(mixed(images).dtype) == "float32"
    assert {weight.dtype for weight in mixed.weights} == {"float32"}


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"image_shape": (8, 10, 3)}, {"sides": (8, 10), "code_side": 4}),
    ({"vocab_size": 0}, {"vocab_size": 0}), ({"filters": 3}, {"filters": 3}),
    ({"num_groups": 0}, {"num_groups": 0}), ({"num_blocks": 0}, {"num_blocks": 0}),
    ({"embed_dim": 0}, {"embed_dim": 0})])
def test_bad_arguments(kwargs, received):
    check_error(lambda: models.dvae(**{**SMALL, **kwargs}), **received)


def test_halves_that_do_not_belong_together(model):
    other = dvae_decoder(11, (2, 3), 3, filters=8, embed_dim=5, num_groups=3, num_blocks=1)
    check_error(lambda: DiscreteVAE(model.encoder, other), encoder=(13, 3), decoder=(11, 6))
