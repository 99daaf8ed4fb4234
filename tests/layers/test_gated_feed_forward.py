"""`keras_seqattn.layers.gated_feed_forward`."""

import numpy as np
import pytest
from arrays import array, normal
from tolerances import FLOAT32

from keras_seqattn.layers import GatedFeedForward
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize(("kwargs", "num_weights"), [
    ({"mlp_dim": 7, "activation": "silu"}, 6), ({"mlp_dim": 5, "use_bias": False}, 3)])
def test_contract(kwargs, num_weights):
    check_layer(GatedFeedForward, kwargs, (2, 5, 3), (2, 5, 3), num_weights)


def test_swiglu_by_hand(rng):
    layer, x = GatedFeedForward(mlp_dim=7, activation="silu"), normal(rng, 2, 5, 3)
    layer.build(x.shape)
    for weight in layer.weights:
        weight.assign(normal(rng, *weight.shape))
    gate, linear = (x @ array(dense.kernel) + array(dense.bias)
                    for dense in (layer.hidden_dense, layer.linear_dense))
    hidden = gate / (1 + np.exp(-gate)) * linear
    expected = hidden @ array(layer.output_dense.kernel) + array(layer.output_dense.bias)
    np.testing.assert_allclose(array(layer(x)), expected, atol=FLOAT32)


def test_another_width_at_a_second_call(rng):
    layer = GatedFeedForward(mlp_dim=7)
    layer(normal(rng, 2, 5, 3))
    check_error(lambda: layer(normal(rng, 2, 5, 4)))
