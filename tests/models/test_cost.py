"""`keras_seqattn.models.cost`."""

import keras
import pytest

from keras_seqattn import borrowed, layers, models
from keras_seqattn.models.cost import multiply_adds
from keras_seqattn.testing import check_error


def test_vit_base_by_hand_and_as_published():
    """Touvron et al. 2021, table 5, and timm give 17.6 G for ViT-B/16 at 224 pixels."""
    tokens, width, inner = 14 * 14 + 1, 768, 3072
    block = tokens * (4 * width * width + 2 * width * inner) + 2 * tokens * tokens * width
    expected = 14 * 14 * 16 * 16 * 3 * width + 12 * block + width * 1000
    count = multiply_adds(models.vit("base"))
    assert count == expected
    assert round(count / 1e9, 1) == 17.6


def test_attention_pooling_registers_and_a_conv_stem_by_hand():
    model = models.vit("nano", 8, (16, 24, 3), 5, num_layers=1, num_heads=2, embed_dim=12,
                       mlp_dim=17, num_registers=3, pooling="map")
    patches, tokens = 6, 6 + 3
    block = tokens * (4 * 144 + 2 * 12 * 17) + 2 * tokens * tokens * 12
    pool = 2 * 144 + patches * 2 * 144 + 2 * patches * 12 + 2 * 12 * 17
    assert multiply_adds(model) == 6 * 192 * 12 + block + pool + 60


@pytest.mark.parametrize(("layer", "shape", "expected"), [
    (keras.layers.Dense(7), (5, 3), 5 * 3 * 7),
    (keras.layers.EinsumDense("abc,cde->abde", (None, 2, 7)), (5, 3), 5 * 3 * 14),
    (keras.layers.EinsumDense("abcd,cde->abe", (None, 7)), (5, 2, 3), 5 * 6 * 7),
    (keras.layers.Conv2D(7, 3, strides=2, padding="same"), (5, 11, 2), 3 * 6 * 9 * 2 * 7),
    (keras.layers.Conv2D(6, 3, groups=2), (5, 11, 2), 3 * 9 * 9 * 1 * 6),
    (keras.layers.DepthwiseConv2D(3), (5, 11, 2), 3 * 9 * 9 * 2),
    (keras.layers.LSTM(7), (5, 3), 5 * (3 + 7) * 28),
    (keras.layers.GRU(7, return_sequences=True), (5, 3), 5 * (3 + 7) * 21),
    (layers.FeedForward(7), (5, 3), 5 * 2 * 21),
    (layers.TemporalConvBlock(7, kernel_size=2), (5, 3), 5 * (2 * 3 * 7 + 2 * 7 * 7 + 3 * 7))])
def test_layers_by_hand(layer, shape, expected):
    inputs = keras.Input(shape)
    assert multiply_adds(keras.Model(inputs, layer(inputs))) == expected


# Keras' own takes other widths for values on some backends only.
@pytest.mark.parametrize(("kind", "value_dim"), [
    (layers.MultiHeadAttention, 4), (keras.layers.MultiHeadAttention, 3)])
def test_cross_attention_by_hand(kind, value_dim):
    query, memory = keras.Input((5, 6)), keras.Input((7, 11))
    output = kind(2, 3, value_dim=value_dim)(query, memory)
    dense = 5 * 6 * 6 + 7 * 11 * 6 + 7 * 11 * 2 * value_dim + 5 * 2 * value_dim * 6
    expected = dense + 5 * 7 * 2 * (3 + value_dim)
    assert multiply_adds(keras.Model([query, memory], output)) == expected


def test_fewer_key_heads_cost_less():
    inputs = keras.Input((5, 6))
    output = layers.MultiHeadAttention(2, 3, num_kv_heads=1)(inputs, inputs)
    expected = 5 * 6 * 6 + 2 * 5 * 6 * 3 + 5 * 5 * 2 * 6 + 5 * 6 * 6
    assert multiply_adds(keras.Model(inputs, output)) == expected


def test_a_shared_layer_counts_at_each_call():
    inputs, dense = keras.Input((3,)), keras.layers.Dense(3)
    assert multiply_adds(keras.Model(inputs, dense(dense(inputs)))) == 18


def test_a_nested_model_counts_once():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(7)])
    inputs = keras.Input((3,))
    assert multiply_adds(keras.Model(inputs, inner(inputs))) == 21


@pytest.mark.parametrize("attention", [False, True])
def test_a_captioner_by_hand(attention):
    features, tokens = keras.Input((5, 3)), keras.Input((7,), dtype="int32")
    layer = layers.LSTMCaptioner(23, embed_dim=4, units=6, attention=attention, attention_dim=2)
    count = multiply_adds(keras.Model([features, tokens], layer(features, tokens)))
    if attention:
        lstm = (4 + 3 + 6) * 24
        word = 6 * 2 + 6 * 1 + 5 * (2 + 3) + lstm + 6 * 4 + 3 * 4 + 4 * 23
        assert count == 2 * 3 * 6 + 5 * 3 * 2 + 7 * word
    else:
        lstm = (4 + 6) * 24
        assert count == 3 * 4 + lstm + 7 * (lstm + 6 * 23)


def test_a_translator_reads_sequences_of_its_length():
    model = models.transformer("tiny", vocab_size=29, max_length=5, num_layers=1, embed_dim=12,
                               num_heads=2, mlp_dim=17)
    attention = 4 * 5 * 144 + 2 * 25 * 12
    assert multiply_adds(model) == 3 * attention + 2 * 5 * 2 * 12 * 17 + 5 * 12 * 29


def test_the_model_is_left_as_it_was():
    model = models.vit("nano", 8, (16, 16, 3), 5, num_layers=1, num_heads=2, embed_dim=12,
                       mlp_dim=17)
    before = [layer.call for layer in borrowed.all_layers(model)]
    assert multiply_adds(model) == multiply_adds(model)
    assert [layer.call for layer in borrowed.all_layers(model)] == before


def test_open_sizes_must_be_given():
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, keras.layers.Dense(7)(inputs), name="open")
    check_error(lambda: multiply_adds(model), model="open", input_shapes=[(None, 3)])
    assert multiply_adds(model, [(5, 3)]) == 105


def test_a_kernel_that_is_not_known_is_named():
    inputs = keras.Input((5, 3))
    odd = keras.layers.Conv1DTranspose(7, 2, name="odd")
    check_error(lambda: multiply_adds(keras.Model(inputs, odd(inputs))), not_counted=["odd/kernel"])
