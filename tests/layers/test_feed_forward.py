"""`keras_seqattn.layers.feed_forward`."""

import numpy as np
import pytest
from keras import ops
from tolerances import FLOAT32

from keras_seqattn.layers import FeedForward
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize(("kwargs", "num_weights"), [
    ({"mlp_dim": 7}, 4),
    ({"mlp_dim": 7, "activation": "relu", "use_bias": False, "dropout": 0.2, "seed": 3}, 2),
])
def test_contract(kwargs, num_weights):
    check_layer(FeedForward, kwargs, (3, 5, 11), (3, 5, 11), num_weights)


def test_by_hand(rng):
    layer = FeedForward(mlp_dim=7, activation="relu")
    x = rng.normal(size=(2, 5, 3)).astype("float32")
    output = ops.convert_to_numpy(layer(x))
    inner, inner_bias, outer, outer_bias = layer.get_weights()
    expected = np.maximum(x @ inner + inner_bias, 0) @ outer + outer_bias
    np.testing.assert_allclose(output, expected, atol=FLOAT32)


def test_tokens_do_not_see_each_other(rng):
    layer = FeedForward(mlp_dim=7)
    x = rng.normal(size=(2, 5, 3)).astype("float32")
    alone = ops.convert_to_numpy(layer(x[:, 2:3]))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x))[:, 2:3], alone, atol=FLOAT32)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"mlp_dim": 0}, {"mlp_dim": 0}), ({"mlp_dim": 3, "dropout": 1}, {"dropout": 1})])
def test_wrong_arguments(kwargs, received):
    check_error(lambda: FeedForward(**kwargs), **received)


def test_an_input_without_features():
    check_error(lambda: FeedForward(mlp_dim=3)(np.zeros(5, "float32")), input_shape=(5,))
