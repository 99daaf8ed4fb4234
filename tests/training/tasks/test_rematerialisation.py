"""`keras_seqattn.training.tasks.rematerialisation`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal

from keras_seqattn import models
from keras_seqattn.testing import check_error
from keras_seqattn.training.tasks.rematerialisation import rematerialise

ON_JAX = keras.backend.backend() == "jax"
on_jax = pytest.mark.skipif(not ON_JAX, reason="only JAX draws the same masks again")
WHAT = ["blocks", "attention", pytest.param("products", marks=on_jax)]


def _vit(**settings):
    return models.vit("nano", 8, (16, 16, 3), 5, num_layers=2, num_heads=2, embed_dim=12,
                      mlp_dim=17, **settings)


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("settings", [{}, pytest.param(
    {"dropout": 0.3, "attention_dropout": 0.2, "drop_path": 0.4, "seed": 5}, marks=on_jax)])
def test_a_step_is_the_same(rng, what, settings):
    plain, again = _vit(**settings), _vit(**settings)
    plain.set_weights([0.1 * normal(rng, *weight.shape) for weight in plain.weights])
    again.set_weights(plain.get_weights())
    rematerialise(again, what)
    images, targets = normal(rng, 3, 16, 16, 3), normal(rng, 3, 5)
    for model in (plain, again):
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.train_on_batch(images, targets)
    for one, other in zip(plain.variables, again.variables, strict=True):
        assert_close(array(other), array(one), atol=1e-6)


@pytest.mark.parametrize("what", WHAT)
def test_the_memory_of_a_decoder_gets_its_gradient(rng, what):
    def train(what):
        model = models.transformer("nano", 7, 5, dropout=0.0)
        model.set_weights([0.1 * normal(np.random.default_rng(3), *weight.shape)
                           for weight in model.weights])
        if what:
            rematerialise(model, what)
        model.compile(keras.optimizers.SGD(1.0), "mse", run_eagerly=not ON_JAX)
        model.train_on_batch({"source": source, "tokens": tokens}, targets)
        return [array(each) for each in model.get_layer("encoder_0").weights]

    source, tokens = rng.integers(0, 7, size=(2, 2, 5))
    targets = normal(rng, 2, 5, 7)
    for one, other in zip(train(None), train(what), strict=True):
        assert_close(other, one, atol=1e-6)


@on_jax
@pytest.mark.parametrize(("what", "kept"), [
    ("blocks", False), ("products", False), ("attention", False), (None, True)])
def test_the_scores_are_not_kept(what, kept):
    assert ((3, 2, 5, 5) in _kept(what)) == kept


@on_jax
def test_products_are_kept_where_whole_blocks_are_not():
    assert (3, 5, 17) in _kept("products")
    assert (3, 5, 17) not in _kept("blocks")


def _kept(what):
    """Shapes of the arrays that are kept for the gradient."""
    import jax

    model = _vit(attention_dropout=0.5)  # so that no kernel but the plain product serves
    if what:
        rematerialise(model, what)
    weights, state = ([each.value for each in of] for of in (
        model.trainable_variables, model.non_trainable_variables))
    _, back = jax.vjp(lambda weights: model.stateless_call(
        weights, state, np.zeros((3, 16, 16, 3), "float32"), training=True)[0], weights)
    return {leaf.shape for leaf in jax.tree.leaves(back)}


@pytest.mark.parametrize(("what", "calls"), [("blocks", 2), ("attention", 2)])
def test_only_blocks_are_computed_again(monkeypatch, what, calls):
    model, asked = _vit(), []
    owner, name = (keras, "remat")
    if ON_JAX:
        import jax
        owner, name = jax, "checkpoint"
    remat = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *given, **named: asked.append(given) or remat(
        *given, **named))
    rematerialise(model, what)
    model(np.zeros((1, 16, 16, 3), "float32"))
    assert len(asked) == calls
    assert [layer.name for layer in model.layers if "call" in vars(layer)] == (
        ["block_0", "block_1"] if what == "blocks" else [])


@pytest.mark.skipif(ON_JAX, reason="JAX draws the same masks again")
@pytest.mark.parametrize(("settings", "shares"), [
    ({"dropout": 0.1}, (0.1, 0.0, 0.0)), ({"attention_dropout": 0.2}, (0.0, 0.2, 0.0))])
def test_dropout_would_be_drawn_anew(settings, shares):
    check_error(lambda: rematerialise(_vit(**settings)), block="block_0", shares=shares)


@pytest.mark.skipif(ON_JAX, reason="JAX keeps products")
def test_elsewhere_products_cannot_be_kept():
    check_error(lambda: rematerialise(_vit(), "products"), rematerialise="products")


def test_a_model_without_blocks_is_refused():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)], name="dense")
    check_error(lambda: rematerialise(model), model="dense")
