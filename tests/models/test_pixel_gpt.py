"""`keras_seqattn.models.pixel_gpt`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close
from tolerances import EXACT

from keras_seqattn import models
from keras_seqattn.models.pixel_gpt import SIZES
from keras_seqattn.testing import check_error

NANO = {"size": "nano", "vocab_size": 6, "max_length": 11, "num_layers": 1}
PARAMS = {"small": 76_682_240, "medium": 455_489_536, "large": 1_362_914_304}


@pytest.fixture(scope="module")
def model():
    model, rng = models.image_gpt(**NANO), np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.4, size=weight.shape))
    return model


@pytest.fixture
def tokens(rng):
    return np.insert(rng.integers(0, 5, (3, 10)), 0, 5, axis=1).astype("int32")


def _count(vocab_size, max_length, num_layers, dim):
    """Weights by arithmetic: tables of tokens and positions, blocks of two norms, norm and head."""
    block = 4 * (dim * dim + dim) + 2 * 4 * dim * dim + 5 * dim + 2 * dim
    return (2 * vocab_size - 1 + max_length + 1) * dim + num_layers * block


def test_counts_are_those_of_the_paper(model):
    """76 M, 455 M and 1,362 M; the arithmetic is that of a model."""
    assert set(SIZES) == {"nano", *PARAMS}
    assert model.count_params() == _count(6, 11, 1, 16)
    for size, params in PARAMS.items():
        num_layers, _, dim = SIZES[size]
        assert _count(513, 1024, num_layers, dim) == params
    assert [params // 10**6 for params in PARAMS.values()] == [76, 455, 1362]


@pytest.mark.parametrize("given", [0, 7])
def test_what_follows_a_beginning_is_what_the_full_pass_says(model, tokens, given):
    logits = array(model({"tokens": tokens}))
    assert logits.shape == (3, 11, 5)
    state = model.start(keras.ops.convert_to_tensor(tokens[:, 1:given + 1]))
    np.testing.assert_array_equal(array(model.first_tokens(state)), tokens[:, given])
    for position in range(given, 11):
        column, state = model.step(keras.ops.convert_to_tensor(tokens[:, position]), state)
        assert_close(column, logits[:, position])


def test_an_image_is_completed_by_its_likeliest_colours(model, tokens):
    """Against the full pass over all that was written before, again and again."""
    written = model.generate(tokens[:, 1:5])
    assert written.lengths.tolist() == [7] * 3
    read, score = tokens[:, :5], np.zeros(3)
    for _ in range(7):
        logits = array(model({"tokens": read}))[:, -1].astype("float64")
        score += logits.max(-1) - np.log(np.exp(logits).sum(-1))
        read = np.append(read, logits.argmax(-1)[:, None].astype("int32"), axis=1)
    np.testing.assert_array_equal(written.tokens, read[:, 5:])
    assert_close(written.scores, score, atol=1e-4)


def test_colours_are_drawn(model):
    """Colours 0 and 2, which are padding and the end elsewhere, are written like any other."""
    nothing = np.zeros((3, 0), "int32")
    drawn = [model.generate(nothing, "sample", seed=seed, temperature=3.0)
             for seed in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0].tokens, drawn[1].tokens)
    assert (drawn[0].tokens != drawn[2].tokens).any()
    assert {0, 2} <= set(drawn[0].tokens[:, :-1].ravel())
    assert drawn[0].lengths.tolist() == [11] * 3


def test_the_best_pair_of_colours_is_found(model, tokens):
    best = model.generate(tokens[:, 1:8], "beam", width=5, max_length=2, length_penalty=0.0)
    pairs = np.stack(np.divmod(np.arange(25), 5), axis=1).astype("int32")
    read = np.concatenate([np.repeat(tokens[:, :8], 25, axis=0), np.tile(pairs, (3, 1))], axis=1)
    logits = array(model({"tokens": read})).astype("float64")[:, 7:9]
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    scores = np.take_along_axis(logits, read[:, 8:, None], axis=-1).sum((1, 2)).reshape(3, 25)
    np.testing.assert_array_equal(best.tokens[:, 0], pairs[scores.argmax(1)])


def test_it_trains_and_comes_back_from_a_file(tokens, tmp_path):
    model = models.image_gpt(**NANO, dropout=0.1, seed=3)
    before = model.get_weights()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit({"tokens": tokens[:, :-1]}, tokens[:, 1:], verbose=0)
    still = [weight.path for weight, old in zip(model.trainable_weights, before, strict=False)
             if np.array_equal(array(weight), old) and not weight.path.endswith("key/bias")]
    assert not still
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(again({"tokens": tokens}), array(model({"tokens": tokens})), atol=EXACT)
    assert again.start_token == 5


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"size": "tiny"}, {"size": "tiny"}), ({"vocab_size": 1}, {"vocab_size": 1}),
    ({"max_length": 0}, {"max_length": 0}), ({"dropout": 1.0}, {"dropout": 1.0}),
    ({"num_heads": 3}, {"num_heads": 3, "embed_dim": 16})])
def test_bad_arguments(kwargs, received):
    check_error(lambda: models.image_gpt(**{**NANO, **kwargs}), **received)


def test_more_pixels_than_there_is_room_for(model, tokens):
    check_error(lambda: model.generate(tokens[:, 1:6], max_length=7), max_length=7,
                model_max_length=6)
