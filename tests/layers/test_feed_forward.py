"""`keras_seqattn.layers.feed_forward`."""

import keras
import numpy as np
import pytest
from arrays import assert_close, normal
from keras import ops
from tolerances import FLOAT32

from keras_seqattn.layers import FeedForward, GatedFeedForward
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


@pytest.mark.parametrize("layer_class", [FeedForward, GatedFeedForward])
@pytest.mark.parametrize("activation", ["gelu", "silu"])
def test_training_without_dropout_gives_the_same(rng, layer_class, activation):
    layer, x = layer_class(mlp_dim=7, activation=activation), normal(rng, 2, 5, 3)
    assert_close(layer(x, training=True), layer(x, training=False))


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="how JAX trains")
@pytest.mark.parametrize(("layer_class", "kept"), [(FeedForward, 1), (GatedFeedForward, 2)])
def test_training_keeps_what_the_activation_reads_alone(rng, layer_class, kept):
    import jax

    layer, x = layer_class(mlp_dim=7), normal(rng, 2, 5, 3)
    layer.build(x.shape)
    _, back = jax.vjp(lambda x: layer(x, training=True), x)
    assert [leaf.shape for leaf in jax.tree.leaves(back)].count((2, 5, 7)) == kept
    _, back = jax.vjp(lambda x: layer(x, training=False), x)
    assert [leaf.shape for leaf in jax.tree.leaves(back)].count((2, 5, 7)) > kept


def test_dropout_acts_between_the_two_layers_and_behind_them():
    layer = FeedForward(mlp_dim=1009, activation="relu", dropout=0.5, use_bias=False, seed=3)
    layer.build((None, 1))
    layer.set_weights([np.ones((1, 1009)), np.ones((1009, 1))])
    made = ops.convert_to_numpy(layer(np.ones((7, 1), "float32"), training=True))
    assert 0 < np.count_nonzero(made) < 7
    np.testing.assert_allclose(made[made > 0], 2 * 1009, rtol=0.2)
    assert len(set(made[made > 0])) > 1
