"""`keras_seqattn.models.vision_encoder_decoder`."""

import keras
import numpy as np
import pytest
from keras import ops
from tolerances import EXACT, FLOAT32

from keras_seqattn.layers import gelu_tanh
from keras_seqattn.models.vision_encoder_decoder import vision_text
from keras_seqattn.testing import check_error

SIZES = {"vocab_size": 13, "max_length": 7, "num_layers": 2, "num_heads": 2, "embed_dim": 6}


def _encoder(width=5, grid=False):
    """Images of 8 × 12 to 6 tokens, or the grid of them."""
    images = keras.Input((8, 12, 3), name="pictures")
    x = keras.layers.Conv2D(width, 4, strides=4)(images)
    return keras.Model(images, x if grid else keras.layers.Reshape((6, width))(x))


def _inputs(rng):
    return {"images": rng.normal(size=(3, 8, 12, 3)).astype("float32"),
            "tokens": rng.integers(4, 13, size=(3, 7)).astype("int32")}


def _numpy(x):
    return np.array(ops.convert_to_numpy(x))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_step_by_step_gives_the_logits_of_the_whole(rng, norm):
    sizes = {**SIZES, "num_layers": 1 if norm == "post" else 2}
    model, inputs = vision_text(_encoder(), **sizes, norm=norm), _inputs(rng)
    whole = _numpy(model(inputs))
    state = model.start(inputs["images"])
    for position in range(3):
        logits, state = model.step(inputs["tokens"][:, position], state)
        np.testing.assert_allclose(_numpy(logits), whole[:, position], atol=FLOAT32)


def test_no_token_reads_what_stands_behind(rng):
    """So padding behind a text cannot change the logits of the text."""
    model, inputs = vision_text(_encoder(), **SIZES), _inputs(rng)
    whole = _numpy(model(inputs))
    padded = {**inputs, "tokens": inputs["tokens"] * (np.arange(7) < 4)}
    np.testing.assert_allclose(_numpy(model(padded))[:, :4], whole[:, :4], atol=FLOAT32)
    other = {**inputs, "images": inputs["images"] + 1}
    assert np.abs(_numpy(model(other)) - whole).max() > 1e-3


def test_a_grid_of_features_is_read_as_its_tokens(rng):
    inputs, logits = _inputs(rng), []
    for grid in (False, True):
        keras.utils.set_random_seed(5)
        logits.append(_numpy(vision_text(_encoder(grid=grid), **SIZES)(inputs)))
    np.testing.assert_array_equal(*logits)


@pytest.mark.parametrize("width", [5, 6])
def test_count_of_weights(width):
    """By hand; features of another width are mapped to D by one dense layer."""
    vocab, length, dim = 13, 7, 6
    attention, mlp, norm = 4 * (dim * dim + dim), 2 * 4 * dim * dim + 5 * dim, 2 * dim
    decoder = 2 * (2 * attention + mlp + 3 * norm) + norm
    encoder = 4 * 4 * 3 * width + width
    expected = (vocab + length) * dim + decoder + encoder + (0 if width == dim else 5 * dim + dim)
    assert vision_text(_encoder(width), **SIZES).count_params() == expected


def test_it_trains_and_comes_back_from_a_file(rng, tmp_path):
    sizes, inputs = {**SIZES, "num_layers": 1}, _inputs(rng)
    model = vision_text(_encoder(), **sizes, activation=gelu_tanh, seed=3)
    before = model.get_weights()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(inputs, np.roll(inputs["tokens"], -1, axis=1), verbose=0)
    still = [weight.path for weight, old in zip(model.weights, before, strict=True)
             if "seed" not in weight.path and np.array_equal(_numpy(weight), old)]
    assert not still
    path = tmp_path / "model.keras"
    model.save(path)
    again = keras.saving.load_model(path)
    assert again.get_config().keys() == model.get_config().keys()
    np.testing.assert_allclose(_numpy(again(inputs)), _numpy(model(inputs)), atol=EXACT)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"vocab_size": 0}, {"vocab_size": 0}),
    ({"num_layers": 0}, {"num_layers": 0}),
    ({"num_heads": 4}, {"num_heads": 4, "embed_dim": 6}),
    ({"end_token": 13}, {"end_token": 13, "vocab_size": 13}),
    ({"pad_token": -1}, {"pad_token": -1}),
    ({"dropout": 1.0}, {"dropout": 1.0}),
    ({"norm": "last"}, {"norm": "last"}),
])
def test_sizes_that_do_not_fit(kwargs, received):
    check_error(lambda: vision_text(_encoder(), **{**SIZES, **kwargs}), **received)


def test_an_encoder_whose_features_are_pooled():
    images = keras.Input((8, 12, 3))
    encoder = keras.Model(images, keras.layers.GlobalAveragePooling2D()(images))
    check_error(lambda: vision_text(encoder, **SIZES), output_shape=(None, 3))


def test_several_tokens_may_end_a_text(rng):
    pictures = keras.Input((8, 8, 3))
    encoder = keras.Model(pictures, keras.layers.Conv2D(
        5, 4, strides=4, data_format="channels_last")(pictures))
    model = vision_text(encoder, 7, 5, 1, 2, 8, end_token=(2, 5, 6))
    again = type(model).from_config(model.get_config())
    assert tuple(again.end_token) == (2, 5, 6)
    images = rng.normal(size=(11, 8, 8, 3)).astype("float32")
    for method in ("greedy", "beam", "sample"):
        options = {"width": 3} if method == "beam" else {}
        for row in model.generate(images, method, **options).tokens.reshape(-1, 5).tolist():
            ends = [place for place, token in enumerate(row) if token in (2, 5, 6)]
            assert not ends or not any(row[ends[0] + 1:])
    check_error(lambda: vision_text(encoder, 7, 5, 1, 2, 8, end_token=(2, 7)), end_token=7)
