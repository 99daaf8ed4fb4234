"""`keras_seqattn.inspection.word_attention`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close

from keras_seqattn.data.tokenizer import Tokenizer
from keras_seqattn.inspection import words, words_figure
from keras_seqattn.inspection.watch import layers_in
from keras_seqattn.models import captioner
from keras_seqattn.testing import check_error

TOKENIZER = Tokenizer(["▁a", "▁red", "▁dog", "-", "▁cat"])


def _model(**options):
    images = keras.Input((8, 12, 3))
    encoder = keras.Model(images, keras.layers.Conv2D(5, 4, 4)(images))
    return captioner(encoder, TOKENIZER.vocab_size, max_length=6, embed_dim=3, units=7, **options)


def _logits(model):
    found, = (layer for layer in layers_in(model, keras.layers.Dense) if layer.name == "logits")
    return found


def test_scores_are_those_of_the_call_on_the_written_caption(rng):
    model, image = _model(), rng.normal(size=(8, 12, 3)).astype("float32")
    logits = _logits(model)
    kernel, bias = logits.get_weights()
    bias[[0, 1, 2, 3]] = -9.0                     # writes words until it is cut
    logits.set_weights([9 * kernel, bias])
    tokens, scores = words(model, image, TOKENIZER)
    ids = model.generate(image[None]).tokens[0]
    assert tokens == [TOKENIZER.decode([token]) for token in ids]
    assert len(tokens) == 6
    features = array(model.encoder(image[None])).reshape(1, 6, 5)
    _, expected = model.get_layer("writer")(
        features, np.array([[1, *ids[:-1]]]), return_attention_scores=True)
    assert_close(scores, array(expected)[0].reshape(6, 2, 3))
    np.testing.assert_allclose(scores.sum(axis=(1, 2)), 1.0, atol=1e-5)


def test_a_caption_without_a_word_has_no_map(rng):
    model = _model()
    logits = _logits(model)
    kernel, bias = logits.get_weights()
    bias[2] = 99.0
    logits.set_weights([kernel, bias])
    tokens, scores = words(model, rng.normal(size=(8, 12, 3)), TOKENIZER)
    assert tokens == []
    assert scores.shape == (0, 2, 3)


def test_the_figure_has_the_picture_and_one_panel_for_each_word(rng, tmp_path):
    pytest.importorskip("matplotlib")
    tokens, scores = ["a", "red", "dog", "-", "cat", "a", "red"], rng.random((7, 2, 3))
    figure = words_figure(np.zeros((8, 12, 3), "uint8"), tokens, scores)
    drawn = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in drawn] == ["", *tokens]
    for axis, looked in zip(drawn[1:], scores, strict=True):
        np.testing.assert_array_equal(axis.images[1].get_array(), looked)
    figure.savefig(tmp_path / "figure.png")


def test_a_model_without_attention_looks_at_nothing(rng):
    check_error(lambda: words(_model(attention=False), rng.normal(size=(8, 12, 3)), TOKENIZER),
                attention=False)
