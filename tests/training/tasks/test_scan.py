"""`keras_seqattn.training.tasks.scan`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal

from keras_seqattn import layers, models
from keras_seqattn.testing import check_error
from keras_seqattn.training.tasks.rematerialisation import rematerialise
from keras_seqattn.training.tasks.scan import scan_blocks

ON_JAX = keras.backend.backend() == "jax"
on_jax = pytest.mark.skipif(not ON_JAX, reason="blocks are scanned on JAX alone")
DROPOUT = {"dropout": 0.3, "attention_dropout": 0.2, "seed": 5}


def _vit(**settings):
    return models.vit("nano", 8, (16, 24, 3), 5, num_layers=3, num_heads=2, embed_dim=12,
                      mlp_dim=17, **settings)


def _gpt():
    return models.image_gpt("nano", 7, 11, num_layers=3, **DROPOUT)


def _transformer():
    return models.transformer("nano", 13, 11, num_layers=2, num_decoder_layers=3, **DROPOUT)


def _examples(rng, model):
    """Random inputs, and targets of the shape of what the model makes."""
    def draw(tensor):
        shape = [11 if size is None else size for size in tensor.shape[1:]]
        if tensor.dtype == "int32":
            return rng.integers(0, 7, size=(2, *shape))
        return normal(rng, 2, *shape)

    inputs = keras.tree.map_structure(draw, model.input)
    return inputs, normal(rng, *model(inputs).shape)


@on_jax
@pytest.mark.parametrize(("make", "again"), [
    (_vit, None), (lambda: _vit(**DROPOUT), "products"), (lambda: _vit(**DROPOUT), "attention"),
    (_gpt, "blocks"), (_transformer, None)],
    ids=["vit", "products again", "attention again", "image_gpt", "transformer"])
def test_training_and_inference_give_the_same_numbers(rng, make, again):
    plain, scanned = make(), make()
    plain.set_weights([0.1 * normal(rng, *weight.shape) for weight in plain.weights])
    scanned.set_weights(plain.get_weights())
    if again:
        rematerialise(scanned, again)
    scan_blocks(scanned)
    inputs, targets = _examples(rng, plain)
    assert_close(scanned(inputs), plain(inputs))
    for model in (plain, scanned):
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.train_on_batch(inputs, targets)
    for one, other in zip(plain.variables, scanned.variables, strict=True):  # and the seeds
        assert_close(array(other), array(one), atol=1e-6)


@on_jax
def test_a_row_is_traced_once(rng):
    import jax

    def products(model):
        state = [[each.value for each in of] for of in (
            model.trainable_variables, model.non_trainable_variables)]
        traced = jax.make_jaxpr(lambda *state: model.stateless_call(
            *state, np.zeros((2, 16, 24, 3), "float32"), training=True))(*state)
        return str(traced).count("dot_general"), str(traced).count(" scan[")

    plain, scanned = _vit(), _vit()
    scan_blocks(scanned)
    (all_products, no_loop), (few_products, loops) = products(plain), products(scanned)
    assert (no_loop, loops) == (0, 1)
    assert few_products < all_products / 2


@on_jax
@pytest.mark.parametrize(("make", "received"), [
    (lambda: _vit(drop_path=0.2), {"blocks": ("block_0", "block_1"), "drop_path": (0.0, 0.1)}),
    (lambda: models.vit("nano", 8, (16, 16, 3), num_layers=1), {"model": "vit"}),
    (lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)], name="dense"),
     {"model": "dense"}),
])
def test_what_is_no_row_of_equal_blocks_is_refused(make, received):
    check_error(lambda: scan_blocks(make()), **received)


@on_jax
def test_a_frozen_block_differs():
    model = _vit()
    model.get_layer("block_0").trainable = False
    with pytest.raises(ValueError, match="must be equal"):
        scan_blocks(model)
    assert "call" not in vars(model.get_layer("block_0"))


@on_jax
@pytest.mark.parametrize("as_output", [True, False])
def test_what_is_read_from_within_is_refused(as_output):
    x = first = layers.TransformerEncoderBlock(2, 7, name="one")(inputs := keras.Input((5, 12)))
    x = layers.TransformerEncoderBlock(2, 7, name="two")(x)
    model = keras.Model(inputs, [x, first] if as_output else keras.layers.Add()([x, first]))
    check_error(lambda: scan_blocks(model), block="one")


@pytest.mark.skipif(ON_JAX, reason="what the other backends say")
def test_elsewhere_it_is_refused():
    check_error(lambda: scan_blocks(_vit()), backend=keras.backend.backend())
