"""`keras_seqattn.borrowed`: each loan from Keras still means what the library takes it for."""

import keras
import numpy as np
import pytest

from keras_seqattn import borrowed
from keras_seqattn.errors import LoanError

BACKEND = keras.backend.backend()


def _dense(units=3):
    layer = keras.layers.Dense(units)
    layer.build((None, 5))
    return layer


def _model():
    x = keras.Input((5,), name="x")
    y = keras.layers.Dense(3, name="first")(x)
    return keras.Model(x, keras.layers.Dense(2, name="second")(y))


def test_functional_model_inside():
    model = _model()
    assert borrowed.functional(model) is model
    sequential = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    assert [call.operation.units for call in borrowed.calls(borrowed.functional(sequential))] == [3]

    class Own(keras.Model):
        def call(self, x):
            return x

    assert borrowed.functional(Own()) is None


def test_calls_are_in_order_and_know_their_arguments():
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    total = keras.layers.Subtract(name="subtract")([a, b])
    out = keras.layers.Dropout(0.5, name="drop")(total, training=False)
    first, second = borrowed.calls(keras.Model([a, b], out))
    assert [first.operation.name, second.operation.name] == ["subtract", "drop"]
    assert [id(each) for each in first.tensors] == [id(a), id(b)]
    assert first.arguments([7, 11]) == (([7, 11],), {})
    assert second.named()["training"] is False
    assert [id(each) for each in second.outputs] == [id(out)]


def test_mask_of_a_tensor():
    ids = np.array([[3, 0, 0]])
    assert np.asarray(borrowed.mask_of(
        keras.layers.Embedding(5, 2, mask_zero=True)(ids))).tolist() == [[True, False, False]]
    assert borrowed.mask_of(keras.layers.Embedding(5, 2)(ids)) is None


def test_training_argument():
    assert borrowed.takes_training(keras.layers.Dropout(0.5)) is True
    assert borrowed.takes_training(keras.layers.Flatten()) is False
    assert borrowed.takes_training(borrowed.addition()()) is False


def test_addition_is_the_operation_of_the_plus_sign():
    assert np.asarray(borrowed.addition()()(np.float32(3), np.float32(4))) == 7


@pytest.mark.skipif(not hasattr(keras.layers.MultiHeadAttention(1, 1), "_use_gate"),
                    reason="this release of Keras has no gates")
def test_gate_and_window_of_attention():
    plain = keras.layers.MultiHeadAttention(2, 3)
    special = keras.layers.MultiHeadAttention(2, 3, use_gate=True, sliding_window=5)
    assert (borrowed.uses_gate(plain), borrowed.uses_gate(special)) == (False, True)
    assert (borrowed.sliding_window(plain), borrowed.sliding_window(special)) == (None, 5)


def test_layers_inside():
    model = keras.Sequential([keras.Sequential([_dense(), _dense()])])
    (inner,) = borrowed.inner_layers(model)
    assert borrowed.inner_layers(inner) == inner.layers
    assert {id(each) for each in borrowed.all_layers(model)} == {
        id(each) for each in (model, inner, *inner.layers)}


def test_own_weights():
    dense, model = _dense(), _model()
    assert [id(each) for each in borrowed.own_weights(dense)] == [id(dense.kernel), id(dense.bias)]
    assert borrowed.own_weights(model) == []


def test_build_with_a_batch_makes_the_metrics():
    model = _model()
    model.compile("sgd", "mse", metrics=["mae"])
    before = len(model.metrics_variables)
    borrowed.build_with(model, (np.ones((7, 5), "float32"), np.ones((7, 2), "float32")))
    assert len(model.metrics_variables) > before


@pytest.mark.skipif(BACKEND != "tensorflow", reason="Keras' TensorFlow trainer alone builds so")
def test_leave_build_out():
    model = _model()
    borrowed.leave_build_out(model)
    assert model._maybe_symbolic_build(iterator=None) is None
    assert isinstance(borrowed.averages_along_an_axis(), bool)


@pytest.mark.skipif(BACKEND != "jax", reason="Keras' JAX trainer alone has such a state")
def test_jax_state():
    model = _model()
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    trainable, *_ = borrowed.jax_state(model, training=True)
    assert [each.shape for each in trainable] == [(5, 3), (3,), (3, 2), (2,)]


def test_initialise_with():
    with keras.StatelessScope():
        variable = keras.Variable(lambda shape, dtype: np.zeros(shape, dtype), shape=(3,),
                                  dtype="float32")
        borrowed.initialise_with(variable, np.array([2, 3, 5], "float32"))
    assert np.asarray(variable).tolist() == [2, 3, 5]


def test_averages_of_an_optimizer():
    optimizer = keras.optimizers.SGD(use_ema=True)
    optimizer.build([keras.Variable(np.ones(3, "float32"))])
    assert [tuple(each.shape) for each in borrowed.averages_of(optimizer)] == [(3,)]


def test_index_of_a_variable():
    first, second = (keras.Variable(np.ones(3, "float32")) for _ in range(2))
    optimizer = keras.optimizers.SGD()
    optimizer.build([first, second])
    assert [borrowed.index_of(optimizer, each) for each in (second, first)] == [1, 0]


def test_a_missing_loan_is_told_by_its_name():
    with pytest.raises(LoanError, match=r"loan='_nodes_by_depth'.*To fix:"):
        borrowed.calls(_dense())
    with pytest.raises(LoanError, match="loan='_gone'"):
        borrowed.overrides("_gone")(type("Own", (keras.layers.Layer,), {"_gone": None}))
    assert borrowed.overrides("_flatten_layers")(
        type("Own", (keras.layers.Layer,), {})).__name__ == "Own"
