"""`keras_seqattn.layers.temporal_block`."""

import numpy as np
import pytest
from arrays import array, assert_close, normal

from keras_seqattn.layers import TemporalConvBlock
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize(("kwargs", "num_weights"), [
    ({"filters": 5}, 8),
    ({"filters": 11, "kernel_size": 2, "dilation_rate": 3, "norm": "layer", "activation": "gelu",
      "dropout": 0.1, "seed": 3}, 8),
    ({"filters": 5, "norm": None, "use_bias": False, "kernel_initializer": "he_uniform"}, 3),
])
def test_contract_of_a_block(kwargs, num_weights):
    check_layer(TemporalConvBlock, kwargs, (3, 7, 11), (3, 7, kwargs["filters"]), num_weights)


def _causal(x, kernel, bias, dilation):
    """A causal convolution as its definition says, step by step."""
    y = np.zeros((*x.shape[:2], kernel.shape[-1])) + bias
    for t in range(x.shape[1]):
        for k in range(len(kernel)):
            back = t - (len(kernel) - 1 - k) * dilation
            if back >= 0:
                y[:, t] += x[:, back] @ kernel[k]
    return y


def test_a_block_is_what_the_paper_says(rng):
    block, x = TemporalConvBlock(5, kernel_size=3, dilation_rate=2), normal(rng, 2, 11, 3)
    block(x)
    weights = {weight.path.split("/", 1)[-1]: normal(rng, *weight.shape)
               for weight in block.weights}
    block.set_weights(list(weights.values()))
    y = x
    for i in range(2):
        kernel = weights[f"convolution_{i}/kernel"]
        kernel = (weights[f"convolution_{i}/scale"] * kernel
                  / np.sqrt((kernel ** 2).sum(axis=(0, 1), keepdims=True)))
        y = np.maximum(_causal(y, kernel, weights[f"convolution_{i}/bias"], 2), 0)
    skipped = x @ weights["shortcut/kernel"] + weights["shortcut/bias"]
    assert_close(block(x), np.maximum(y + skipped, 0))


def test_normalised_weights_start_as_they_are_drawn_and_have_a_length_of_their_own(rng):
    block, x = TemporalConvBlock(3), normal(rng, 2, 7, 3)
    plain = TemporalConvBlock(3, norm=None)
    plain(x), block(x)
    plain.set_weights([w for w, v in zip(block.get_weights(), block.weights, strict=True)
                       if v.name != "scale"])
    before = array(block(x))
    assert_close(before, plain(x))
    block.set_weights([7 * w if v.name == "kernel" else w
                       for w, v in zip(block.get_weights(), block.weights, strict=True)])
    assert_close(before, block(x))


def test_a_filter_of_zeros_is_no_division_by_zero(rng):
    block = TemporalConvBlock(3, kernel_initializer="zeros")
    x = np.abs(normal(rng, 2, 7, 3))
    assert_close(block(x), x)


def test_a_state_is_what_was_read_last(rng):
    block, x = TemporalConvBlock(5, 2, 3), normal(rng, 2, 7, 4)
    block(x)
    _, (first, second) = block(x, state=block.initial_state(2))
    assert_close(first, x[:, -3:], atol=0)
    assert tuple(second.shape) == (2, 3, 5)
    assert [tuple(each.shape) for each in block.initial_state(11)] == [(11, 3, 4), (11, 3, 5)]


def test_dropout_drops_a_feature_at_all_steps():
    """Of a constant input all steps after the receptive field are alike, then, but not whole."""
    net = TemporalConvBlock(13, norm=None, dropout=0.5, seed=3)
    x = np.ones((2, 11, 3), "float32")
    outputs = [array(net(x, training=training))[:, 4:] for training in (True, False)]
    for output in outputs:
        assert_close(output, np.broadcast_to(output[:, :1], output.shape))
    assert np.abs(outputs[0] - outputs[1]).max() > 0.1


def test_receptive_field_by_hand():
    """One convolution of 3 steps, 4 apart, sees 9; the second sees 8 more."""
    assert TemporalConvBlock(5, 3, 4).receptive_field == 17


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"filters": 0}, {"filters": 0}),
    ({"kernel_size": 1}, {"kernel_size": 1}),
    ({"dilation_rate": 0}, {"dilation_rate": 0}),
    ({"norm": "wight"}, {"norm": "wight"}),
    ({"dropout": 1.0}, {"dropout": 1.0}),
])
def test_wrong_arguments(kwargs, received):
    check_error(lambda: TemporalConvBlock(**{"filters": 3, **kwargs}), **received)


def test_wrong_inputs_and_a_state_too_early():
    check_error(lambda: TemporalConvBlock(3)(np.zeros((2, 3, 3, 5), "float32")),
                input_shape=(2, 3, 3, 5))
    check_error(lambda: TemporalConvBlock(3).initial_state(2), built=False)
