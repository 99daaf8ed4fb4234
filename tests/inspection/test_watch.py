"""`keras_seqattn.inspection.watch`: seen wherever it lies, and left as it was."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal
from tolerances import EXACT, FLOAT32

from keras_seqattn import layers
from keras_seqattn.decoding import compiled
from keras_seqattn.inspection import attention_scores, call_with_scores
from keras_seqattn.inspection.watch import layers_in, watched
from keras_seqattn.testing import check_error


def _calls(model):
    return [layer.name for layer in layers_in(model, keras.layers.Layer) if "call" in vars(layer)]


class Wrapped(keras.layers.Layer):
    """A layer of a user's own that asks its blocks for their scores or does not."""

    def __init__(self, asks, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.TransformerEncoderBlock(3, 7, name="inner_first")
        self.second = layers.TransformerEncoderBlock(2, 7, name="inner_second")
        self.asks = asks

    def build(self, shape):
        self.first.build(shape)
        self.second.build(shape)

    def call(self, x):
        x = self.second(x)  # not in the order in which they were made
        return self.first(x, return_attention_scores=True)[0] if self.asks else self.first(x)


@pytest.mark.parametrize("asks", [False, True])
def test_blocks_in_models_and_layers_within_a_model(rng, drawn, asks):
    inner = keras.Sequential([keras.Input((5, 12)), Wrapped(asks),
                              layers.TransformerEncoderBlock(1, 7)])
    x = keras.Input((5, 12))
    model = drawn(keras.Model(x, layers.TransformerEncoderBlock(4, 7)(inner(x))))
    inputs = normal(rng, 2, 5, 12)
    before = array(model(inputs))
    output, scores = call_with_scores(model, inputs)
    assert_close(output, before, FLOAT32)
    assert [each.shape[1] for each in scores] == [2, 3, 1, 4]
    assert _calls(model) == []
    y, expected = layers_in(model, Wrapped)[0].second(inputs, return_attention_scores=True)
    assert_close(scores[0], expected)
    _, expected = layers_in(model, Wrapped)[0].first(y, return_attention_scores=True)
    assert_close(scores[1], expected)


def test_the_output_is_the_very_same(small_vit, images):
    model = small_vit()
    before = array(model(images))
    output, _ = call_with_scores(model, images)
    backend_fuses = keras.backend.backend() != "tensorflow"
    assert_close(output, before, FLOAT32 if backend_fuses else EXACT)
    assert_close(model(images), before, EXACT)


def test_compiled_as_eager(small_vit, images):
    model = small_vit(pooling="mean")
    function = compiled(lambda x: call_with_scores(model, x), model.variables)
    output, scores = function(keras.ops.convert_to_tensor(images))
    assert_close(output, model(images))
    for each, expected in zip(scores, attention_scores(model, images), strict=True):
        assert_close(each, expected)
    assert _calls(model) == []


def test_any_layer_that_has_scores(rng, drawn):
    """Keras' attention, both attentions of a decoder block, and the block itself.

    The scores of the block are those of its cross-attention.
    """
    tokens, memory = keras.Input((5, 12)), keras.Input((7, 12))
    theirs = keras.layers.MultiHeadAttention(2, 3)
    block = layers.TransformerDecoderBlock(4, 11)
    model = drawn(keras.Model([tokens, memory], block(theirs(tokens, tokens), memory)))
    inputs = [normal(rng, 2, 5, 12), normal(rng, 2, 7, 12)]
    wanted = [theirs, block.self_attention, block.cross_attention]
    scores = attention_scores(model, inputs, wanted)
    assert [each.shape for each in scores] == [(2, 2, 5, 5), (2, 4, 5, 5), (2, 4, 5, 7)]
    assert_close(scores[0], theirs(inputs[0], inputs[0], return_attention_scores=True)[1])
    np.testing.assert_allclose(scores[1], np.tril(scores[1]))
    assert_close(attention_scores(model, inputs, [block])[0], scores[2])


def test_after_an_error_nothing_is_left(small_vit, images):
    model = small_vit()

    def fail(layer, call, *arguments, **keywords):
        raise KeyError(layer.name)

    with pytest.raises(KeyError), watched([model.get_layer("block_0")], fail):
        model(images)
    assert _calls(model) == []


def test_two_watch_one_layer(small_vit, images):
    model, seen = small_vit(), []
    block = model.get_layer("block_0")

    def note(name):
        def around(layer, call, *arguments, **keywords):
            seen.append(name)
            return call(*arguments, **keywords)
        return around

    with watched([block], note("outer")):
        with watched([block], note("inner")):
            model(images)
        model(images)
    assert seen == ["inner", "outer", "outer"]


def test_each_layer_is_found_once_in_the_order_it_was_made(small_vit):
    model = small_vit(stem="conv")
    names = [layer.name for layer in layers_in(model, keras.layers.Conv2D)]
    assert names == ["convolution_0", "convolution_1", "convolution_2", "projection"]
    shared, x = layers.TransformerEncoderBlock(3, 7), keras.Input((5, 12))
    first, second = (keras.Sequential([keras.Input((5, 12)), shared]) for _ in range(2))
    twice = keras.Model(x, second(first(x)))
    assert layers_in(twice, layers.TransformerEncoderBlock) == [shared]
    assert len(attention_scores(twice, np.ones((1, 5, 12), "float32"))) == 2


def test_a_model_without_blocks():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="plain")
    check_error(lambda: attention_scores(model, np.ones((1, 3))), model="plain")
