"""`keras_seqattn.layers.pooling`."""

import numpy as np
import pytest
from arrays import array, normal
from tolerances import FLOAT32

from keras_seqattn.layers import AttentionPooling
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize("kwargs", [
    {"num_heads": 2}, {"num_heads": 3, "mlp_dim": 7, "activation": "relu", "epsilon": 1e-3}])
def test_contract(kwargs):
    # A key's bias moves all logits of the one query alike.
    check_layer(AttentionPooling, kwargs, (2, 5, 6), (2, 6), 15, keeps_mask=False,
                unmoved=("attention/key/bias",))


def test_order_does_not_matter_and_scores_do_not_change_the_output(rng):
    x, layer = rng.normal(size=(2, 5, 6)).astype("float32"), AttentionPooling(2)
    output, scores = layer(x, return_attention_scores=True)
    assert scores.shape == (2, 2, 1, 5)
    np.testing.assert_allclose(array(scores).sum(axis=-1), 1, atol=FLOAT32)
    np.testing.assert_allclose(array(output), array(layer(x)), atol=FLOAT32)
    np.testing.assert_allclose(array(output), array(layer(x[:, ::-1])), atol=FLOAT32)


def test_padding_is_not_read(rng):
    x, layer = normal(rng, 2, 5, 6), AttentionPooling(3)
    mask = np.array([[True, True, True, False, False]] * 2)
    np.testing.assert_allclose(array(layer(x, mask=mask)), array(layer(x[:, :3])), atol=FLOAT32)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"num_heads": 0}, {"num_heads": 0}),
    ({"num_heads": 2, "mlp_dim": 0}, {"mlp_dim": 0}),
    ({"num_heads": 4}, {"num_heads": 4, "embed_dim": 6}),
])
def test_wrong_arguments(kwargs, received):
    check_error(lambda: AttentionPooling(**kwargs)(np.zeros((2, 5, 6), "float32")), **received)
