"""`keras_seqattn.models.recurrent_network`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal
from compiled import check_gradients, on_tensorflow

from keras_seqattn import models
from keras_seqattn.testing import check_error

GATES = {"rnn": 1, "lstm": 4}


@pytest.mark.parametrize(("cell", "bidirectional"), [("rnn", False), ("lstm", True)])
def test_parameter_count(cell, bidirectional):
    """Each gate reads the features and the last state: the papers' arithmetic."""
    ways = 2 if bidirectional else 1
    first, second = (ways * GATES[cell] * (5 * (width + 5) + 5) for width in (3, 5 * ways))
    model = models.recurrent(
        cell, 5, 2, (None, 3), num_layers=2, bidirectional=bidirectional)
    assert model.count_params() == first + second + 2 * (5 * ways + 1)


def test_a_simple_network_by_hand(rng):
    model, x = models.recurrent("rnn", 5, 2, (7, 3), every_step=True), normal(rng, 2, 7, 3)
    kernel, recurrent, bias, out, out_bias = weights = [
        normal(rng, *weight.shape) for weight in model.weights]
    model.set_weights(weights)
    state, expected = np.zeros((2, 5)), []
    for t in range(7):
        state = np.tanh(x[:, t] @ kernel + state @ recurrent + bias)
        expected.append(state @ out + out_bias)
    assert_close(model(x), np.stack(expected, axis=1))


def test_both_directions_meet_at_each_step(rng):
    """The second half of the features has read the sequence from its end."""
    model = models.recurrent("gru", 5, 10, (7, 3), bidirectional=True, every_step=True)
    model.get_layer("outputs").set_weights([np.eye(10), np.zeros(10)])
    x = normal(rng, 2, 7, 3)
    y = x.copy()
    y[:, 4] += 1.0
    changed = np.abs(array(model(x)) - array(model(y))).max(axis=0) > 1e-6
    assert not changed[:4, :5].any()
    assert changed[4:, :5].any(axis=1).all()
    assert changed[:5, 5:].any(axis=1).all()
    assert not changed[5:, 5:].any()


def test_a_batch_of_padding_has_no_weight_in_the_loss():
    model = models.recurrent("gru", 5, 3, (None,), vocab_size=7, embed_dim=3, every_step=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    assert model.evaluate(np.zeros((2, 4)), np.ones((2, 4)), verbose=0) == 0


def test_an_unknown_cell():
    check_error(lambda: models.recurrent("lstn", 5, 2, (None, 3)), cell="lstn")


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"units": 0}, {"units": 0}), ({"num_layers": 0}, {"num_layers": 0}),
    ({"dropout": 1.0}, {"dropout": 1.0})])
def test_wrong_arguments(kwargs, received):
    arguments = {"cell": "gru", "units": 5, "num_outputs": 2, "input_shape": (None, 3), **kwargs}
    check_error(lambda: models.recurrent(**arguments), **received)


@on_tensorflow
def test_gradients_compiled_by_xla(rng):
    model = models.recurrent("gru", 5, 2, (None, 3), bidirectional=True, mask_value=0.0)
    steps = normal(rng, 2, 7, 3)
    steps[0, 4:] = 0.0
    check_gradients(model, lambda inputs: model(inputs["steps"]), {"steps": steps})
