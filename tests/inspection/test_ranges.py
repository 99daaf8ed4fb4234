"""`keras_seqattn.inspection.ranges`: the numbers of each layer of a block, and planted ones."""

import keras
import numpy as np
import pytest
from arrays import array, normal

from keras_seqattn.inspection import activation_ranges
from keras_seqattn.inspection.ranges import PLACES, STATISTICS
from keras_seqattn.layers import TransformerEncoderBlock


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_every_place_of_a_block(drawn, rng, norm):
    x = keras.Input((5, 12))
    block = TransformerEncoderBlock(3, 7, norm=norm, layer_scale=0.5)
    model = drawn(keras.Model(x, TransformerEncoderBlock(3, 7)(block(x))))
    inputs = normal(rng, 11, 5, 12)
    attend, feed = block.attention, block.feed_forward
    if norm == "pre":
        read = block.attention_norm(inputs)
        made = attend(read, read)
        stream = inputs + block.attention_scale(made)
        normed = block.feed_forward_norm(stream)
        hidden = feed.hidden_dense(normed)
        output = stream + block.feed_forward_scale(feed(normed))
    else:
        made = attend(inputs, inputs)
        read = stream = block.attention_norm(inputs + block.attention_scale(made))
        hidden = feed.hidden_dense(stream)
        output = normed = block.feed_forward_norm(stream + block.feed_forward_scale(feed(stream)))
    expected = dict(zip(PLACES, (inputs, read, made, stream, normed, hidden, output), strict=True))
    ranges = activation_ranges(model, inputs)
    assert tuple(ranges) == PLACES
    for place, tensor in expected.items():
        assert tuple(ranges[place]) == STATISTICS
        values, found = array(tensor), {name: ranges[place][name] for name in STATISTICS}
        assert found["min"].shape == (2,)
        for name, want in (("min", values.min()), ("max", values.max()), ("std", values.std()),
                           ("low", np.quantile(values, 0.001)),
                           ("high", np.quantile(values, 0.999))):
            np.testing.assert_allclose(found[name][0], want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ranges["input"]["max"][1], ranges["output"]["max"][0], rtol=1e-5)


def test_a_wide_feature_stands_out(sequences):
    x = np.ones((1, 5, 12), "float32") * np.arange(1, 13, dtype="float32")
    x[0, 3, 4] = -1300.0  # of feature 5; the median of the others' largest sizes is 7
    ranges = activation_ranges(sequences, x)["input"]
    assert ranges["min"][0] == -1300
    assert ranges["channel_ratio"][0] == pytest.approx(1300 / 7.5)
    assert ranges["low"][0] == pytest.approx(np.quantile(x, 0.001))
