"""`keras_seqattn.layers.temporal_net`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.layers import TemporalConvNet
from keras_seqattn.testing import check_error, check_layer

STREAM = 1e-6   # the bar for a sequence in chunks: the same sums over the same numbers
NORMS = ("weight", "layer", None)


@pytest.mark.parametrize(("kwargs", "num_weights"), [
    ({"filters": 5, "dilation_rates": (1, 2)}, 14),
    ({"filters": 11, "kernel_size": 2, "dilation_rates": [3], "norm": None, "dropout": 0.1,
      "seed": 3, "activation": "tanh", "kernel_initializer": "he_uniform"}, 4),
])
def test_contract_of_a_net(kwargs, num_weights):
    check_layer(TemporalConvNet, kwargs, (3, 7, 11), (3, 7, kwargs["filters"]), num_weights)


def _net(rng, norm="weight", width=3, **kwargs):
    """A net of all-different weights that has seen an input."""
    net = TemporalConvNet(5, dilation_rates=(1, 2), norm=norm, **kwargs)
    net.build((None, None, width))
    net.set_weights([0.5 * normal(rng, *weight.shape) for weight in net.weights])
    return net


def test_a_net_is_a_stack_of_keras_convolutions(rng):
    net, x = _net(rng, norm=None, width=5), normal(rng, 2, 11, 5)
    y, weights = ops.convert_to_tensor(x), iter(net.get_weights())
    for rate in (1, 2):
        inner = y
        for _ in range(2):
            convolution = keras.layers.Conv1D(
                5, 3, padding="causal", dilation_rate=rate, activation="relu")
            convolution.build(inner.shape)
            convolution.set_weights([next(weights), next(weights)])
            inner = convolution(inner)
        y = ops.relu(y + inner)
    assert_close(net(x), y)


def _gradient(function, x):
    """d function(x) / d x for a function to one number."""
    x = ops.convert_to_tensor(x)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return array(tape.gradient(y, x))
    if keras.backend.backend() == "jax":
        import jax

        return array(jax.jit(jax.grad(function))(x))
    x.requires_grad_(True)
    function(x).backward()
    return array(x.grad)


@pytest.mark.parametrize("kwargs", [
    {"kernel_size": 2, "dilation_rates": (1, 5)}, {"dilation_rates": (3,), "norm": "layer"}])
def test_the_receptive_field_is_where_the_gradient_ends(rng, kwargs):
    net = TemporalConvNet(5, **kwargs, activation="softplus")
    length = net.receptive_field + 3
    net.build((None, length, 2))
    net.set_weights([normal(rng, *weight.shape) for weight in net.weights])
    slope = np.abs(_gradient(lambda x: net(x)[0, -2, 0], normal(rng, 1, length, 2))).max((0, 2))
    read = np.flatnonzero(slope)
    assert (read[0], read[-1]) == (length - 1 - net.receptive_field, length - 2)


def _streamed(net, x, sizes, mask=None):
    """The outputs of a net that is given chunks of these sizes."""
    state, outputs, at = net.initial_state(len(x)), [], 0
    for size in sizes:
        part = None if mask is None else mask[:, at:at + size]
        output, state = net(x[:, at:at + size], mask=part, state=state)
        outputs.append(array(output))
        at += size
    return np.concatenate(outputs, axis=1)


def test_chunks_give_the_whole(rng):
    """Shorter and longer than what is kept for the next, and than the receptive field, 13."""
    net, x = _net(rng), normal(rng, 2, 17, 3)
    whole = net(x)
    for sizes in ([1] * 17, [2, 3, 5, 7], [14, 3], [3, 14], [17]):
        assert_close(_streamed(net, x, sizes), whole, STREAM)


@pytest.mark.parametrize("norm", NORMS)
def test_chunks_under_a_mask_give_the_whole(rng, norm):
    net, x = _net(rng, norm), normal(rng, 3, 11, 3)
    mask = rng.uniform(size=(3, 11)) < 0.6
    assert_close(_streamed(net, x, [2, 2, 7], mask), net(x, mask=mask), STREAM)


def test_padding_anywhere_cannot_change_real_steps(rng):
    """Before, between or after them; at padding there are zeros."""
    net, x = _net(rng, "layer"), normal(rng, 3, 11, 3)
    mask = np.ones((3, 11), bool)
    mask[0, :4] = mask[1, 3:6] = mask[2, 8:] = False
    output = array(net(x, mask=mask))
    other = np.where(mask[..., None], x, 1e3).astype("float32")
    np.testing.assert_array_equal(output, array(net(other, mask=mask)))
    assert not output[~mask].any()
    assert np.abs(output[mask]).max() > 0.1
    assert_close(output[:1, 4:], array(net(x[:1, 4:])))
    assert_close(output[2:, :8], array(net(x[2:, :8])))
    assert not array(net(x, mask=np.zeros_like(mask))).any()


@pytest.mark.parametrize("streamed", [False, True])
def test_mask_of_keras_is_read_and_passes_through(rng, streamed):
    """With a state, too, where Keras itself does not hand it over."""
    tokens = np.array([[0, 5, 3, 0], [2, 4, 6, 1]])
    x = keras.layers.Embedding(7, 3, mask_zero=True)(tokens)
    net = _net(rng)
    output = net(x, state=net.initial_state(2))[0] if streamed else net(x)
    np.testing.assert_array_equal(array(borrowed.mask_of(output)), tokens != 0)
    assert_close(output, net(array(x), mask=tokens != 0))


def test_receptive_field_by_hand():
    """Each block adds two convolutions of 3 steps."""
    assert TemporalConvNet(5, 3, (1, 2, 4)).receptive_field == 1 + 4 + 8 + 16


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"dilation_rates": ()}, {"num_dilation_rates": 0}),
    ({"dilation_rates": (1, 0)}, {"dilation_rate": 0}),
])
def test_wrong_arguments(kwargs, received):
    check_error(lambda: TemporalConvNet(**{"filters": 3, **kwargs}), **received)


def test_wrong_inputs_and_a_state_too_early():
    check_error(lambda: TemporalConvNet(3)(np.zeros((2, 3, 3, 5), "float32")),
                input_shape=(2, 3, 3, 5))
    check_error(lambda: TemporalConvNet(3).initial_state(2), built=False)


@pytest.mark.parametrize("kernel_size", [2, 3, 5])
def test_padding_on_both_sides_is_that_of_keras(rng, kernel_size):
    net = TemporalConvNet(4, kernel_size, (1, 2), norm=None, padding="same")
    x = normal(rng, 2, 11, 4)
    found, wanted = net(x), x
    for block in net._blocks:
        y = wanted
        for part in block._convolutions:
            theirs = keras.layers.Conv1D(
                4, kernel_size, padding="same", dilation_rate=block.dilation_rate,
                data_format="channels_last")
            theirs.build(y.shape)
            theirs.set_weights([array(weight) for weight in part.weights])
            y = np.maximum(array(theirs(y)), 0)
        wanted = np.maximum(y + wanted, 0)
    assert_close(found, wanted)


def test_padding_on_both_sides_under_a_mask_reads_real_steps_alone(rng):
    net, x = TemporalConvNet(4, 3, (1, 2), padding="same"), normal(rng, 2, 7, 3)
    longer = np.concatenate([x, 100 + x], axis=1)
    mask = np.arange(14)[None] < np.array([[7], [7]])
    assert_close(net(longer, mask=mask)[:, :7], net(x))


def test_a_net_that_reads_ahead_has_no_state(rng):
    net, x = TemporalConvNet(4, 3, (1, 2), padding="same"), normal(rng, 2, 7, 3)
    net(x)
    check_error(lambda: net.initial_state(2), padding="same")
    check_error(lambda: net(x, state=[]), padding="same")
    check_error(lambda: TemporalConvNet(4, padding="valid"), padding="valid")
