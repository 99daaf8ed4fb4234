"""`keras_seqattn.borrowed`: each loan from Keras still means what the library takes it for."""

import threading

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
    assert [layer.units for layer in borrowed.functional(sequential).layers[1:]] == [3]

    class Own(keras.Model):
        def call(self, x):
            return x

    assert borrowed.functional(Own()) is None


def _opened(model, *inputs):
    """Calls a model with symbolic tensors; the calls of its layers, by name, with arguments."""
    seen = {}

    def answer(operation, args, kwargs):
        if operation is model:
            return operation.call(*args, **kwargs)
        seen[operation.name] = args, kwargs
        return operation.compute_output_spec(*args, **kwargs)

    with borrowed.symbolic_calls(answer):
        model(*inputs)
    return seen


def test_symbolic_calls_are_answered_in_order_with_their_arguments():
    x = keras.Input((5,), name="x")
    dropped = keras.layers.Dropout(0.5, name="drop")(x, training=False)
    model = keras.Model(x, keras.layers.Subtract(name="subtract")([dropped, x]))
    seen = _opened(model, keras.KerasTensor((1, 5)))
    assert [name for name in seen if name in ("subtract", "drop")] == ["drop", "subtract"]
    assert seen["drop"][1] == {"training": False}
    ((first, second),), _ = seen["subtract"]
    assert (first.shape, second.shape) == ((1, 5), (1, 5))
    assert first is not second


def test_masks_reach_symbolic_calls():
    """What Keras does around a call stays, such as handing a mask on."""
    ids = keras.Input((5,), name="ids")
    model = keras.Model(ids, keras.layers.GlobalAveragePooling1D(name="pool")(
        keras.layers.Embedding(7, 3, mask_zero=True)(ids)))
    _, kwargs = _opened(model, keras.KerasTensor((1, 5), "int32"))["pool"]
    assert (kwargs["mask"].shape, kwargs["mask"].dtype) == ((1, 5), "bool")


def test_symbolic_calls_leave_no_trace_in_the_users_layers():
    model = _model()
    layer = model.get_layer("first")
    before, output = len(layer._inbound_nodes), layer.output

    for _ in range(2):
        _opened(model, keras.KerasTensor((1, 5)))
    assert len(layer._inbound_nodes) == before
    assert layer.output is output
    layer(keras.Input((5,)))                        # afterwards Keras notes calls again
    assert len(layer._inbound_nodes) == before + 1


def test_symbolic_calls_end_with_their_context_and_nest():
    model = _model()

    def fails(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), borrowed.symbolic_calls(fails):
        model(keras.KerasTensor((1, 5)))
    made = model(keras.KerasTensor((1, 5)))
    assert made.shape == (1, 2)

    def number(each):
        return lambda *_: each

    with borrowed.symbolic_calls(number(3)):
        with borrowed.symbolic_calls(number(5)):
            assert model(keras.KerasTensor((1, 5))) == 5
        assert model(keras.KerasTensor((1, 5))) == 3
    assert model(keras.KerasTensor((1, 5))).shape == (1, 2)


def test_symbolic_calls_of_other_threads_are_their_own():
    """Another thread builds a model meanwhile, as Keras does it."""
    here, built = threading.get_ident(), []

    def build():
        built.append(_model())

    def answer(operation, args, kwargs):
        assert threading.get_ident() == here
        other = threading.Thread(target=build)
        other.start()
        other.join()
        return operation.compute_output_spec(*args, **kwargs)

    mine = _model()
    with borrowed.symbolic_calls(answer):
        mine(keras.KerasTensor((1, 5)))
    model, = built
    assert model(np.ones((1, 5), "float32")).shape == (1, 2)
    assert [each.name for each in model.layers] == ["x", "first", "second"]


def test_the_class_behind_a_function():
    total = keras.ops.add(keras.Input((5,)), 2)
    assert type(total._keras_history.operation) is borrowed.operation("numpy.Add")
    assert np.asarray(borrowed.operation("numpy.Add")()(np.float32(3), np.float32(4))) == 7


def test_mask_of_a_tensor():
    ids = np.array([[3, 0, 0]])
    assert np.asarray(borrowed.mask_of(
        keras.layers.Embedding(5, 2, mask_zero=True)(ids))).tolist() == [[True, False, False]]
    assert borrowed.mask_of(keras.layers.Embedding(5, 2)(ids)) is None


def test_training_argument():
    assert borrowed.takes_training(keras.layers.Dropout(0.5)) is True
    assert borrowed.takes_training(keras.layers.Flatten()) is False
    assert borrowed.takes_training(borrowed.operation("numpy.Add")()) is False


@pytest.mark.skipif(not hasattr(keras.layers.MultiHeadAttention(1, 1), "_use_gate"),
                    reason="this release of Keras has no gates")
def test_gate_and_window_of_attention():
    plain = keras.layers.MultiHeadAttention(2, 3)
    special = keras.layers.MultiHeadAttention(2, 3, use_gate=True, sliding_window=5)
    assert (borrowed.uses_gate(plain), borrowed.uses_gate(special)) == (False, True)
    assert (borrowed.sliding_window(plain), borrowed.sliding_window(special)) == (None, 5)


def _asked(function, *args):
    """The operations that a function of symbolic tensors asks for, by name."""
    asked = []

    def answer(operation, args, kwargs):
        asked.append(type(operation).__name__)
        return operation.compute_output_spec(*args, **kwargs)

    with borrowed.symbolic_calls(answer), borrowed.symbolic_functions():
        function(*args)
    return asked


def test_the_backends_functions_take_symbolic_tensors_within_the_context():
    """Keras' own `Softmax` computes with them alone where it has a mask."""
    from keras.src import backend

    before = backend.numpy.where, backend.cast
    x, mask = keras.KerasTensor((2, 3)), keras.KerasTensor((2, 3), "bool")
    softmax = keras.layers.Softmax()
    assert _asked(softmax.call, x, mask) == ["Where", "Softmax", "Where"]
    assert (backend.numpy.where, backend.cast) == before
    with pytest.raises(Exception, match=r"KerasTensor|'str' object|__jax_array__"):
        backend.numpy.where(mask, x, x)


def test_a_weight_multiplies_a_symbolic_tensor_within_the_context():
    weight = keras.Variable(np.ones(3, "float32"))
    assert _asked(lambda x: weight * x, keras.KerasTensor((2, 3))) == ["Multiply"]


def test_an_operation_that_only_its_backend_computes_says_so():
    """The function of the same name would ask for the same operation again, without an end."""
    from keras.src import backend

    seen = []

    def answer(operation, args, kwargs):
        seen.append(type(operation).__name__)
        return operation.call(*args, **kwargs)

    with (borrowed.symbolic_calls(answer), borrowed.symbolic_functions(),
          pytest.raises(Exception, match=r".")):
        backend.numpy.cumprod(keras.KerasTensor((2, 3)))
    assert seen.count("Cumprod") == 1


def test_numbers_are_computed_by_the_backend_within_the_context():
    with borrowed.symbolic_functions():
        assert np.asarray(keras.ops.sum(np.float32([3, 4]))) == 7


def test_a_backend_has_another_name_within_the_context():
    with borrowed.backend_named("other"):
        assert keras.config.backend() == keras.backend.backend() == "other"
    assert keras.config.backend() == keras.backend.backend() == BACKEND


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
    with pytest.raises(LoanError, match=r"loan='Gone'.*To fix:"):
        borrowed.operation("numpy.Gone")
    with pytest.raises(LoanError, match="loan='_gone'"):
        borrowed.overrides("_gone")(type("Own", (keras.layers.Layer,), {"_gone": None}))
    assert borrowed.overrides("_flatten_layers")(
        type("Own", (keras.layers.Layer,), {})).__name__ == "Own"


def test_generators_of_random_numbers_are_found_at_every_depth():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5)])
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.2), inner])
    assert [type(each) for each in borrowed.seed_generators(model)] == [
        keras.random.SeedGenerator] * 2
    assert borrowed.seed_generators(keras.Sequential([keras.layers.Dense(3)])) == []
