"""`keras_seqattn.edge.lower.lowering`: what a handler is given."""

import keras
import numpy as np
import pytest

from keras_seqattn.edge.graph.graph import Graph
from keras_seqattn.edge.lower import call as call_module
from keras_seqattn.edge.lower import lowering as given_to_handlers
from keras_seqattn.edge.lower.call import Call, Unfit
from keras_seqattn.edge.lower.lowering import Lowering


@pytest.fixture
def lowering():
    return Lowering(Graph(), "float32", fuse=True)


@pytest.fixture
def call(lowering):
    """One call of a GRU that gives its state too."""
    x = lowering.tensor(lowering.input(keras.KerasTensor((1, 7, 5))))
    layer = keras.layers.GRU(3, return_state=True, name="gru")
    layer.build((1, 7, 5))
    return Call(layer, (x,), {"mask": None, "training": True})


def test_arrays_are_copies_in_the_dtype_of_the_graph():
    lowering = Lowering(Graph(), "float64", fuse=True)
    variable = keras.Variable(np.arange(6, dtype="float32").reshape(2, 3))
    array = lowering.array(variable, 3, -1)
    np.testing.assert_array_equal(array, [[0, 1], [2, 3], [4, 5]])
    assert array.dtype == "float64"
    assert lowering.array(None, -1) is None


def test_integers_keep_their_type_and_those_of_python_are_int32(lowering):
    assert lowering.array(np.array([3], "int64")).dtype == "int64"
    assert lowering.array(3).dtype == "int32"
    assert lowering.array(True).dtype == bool


def test_what_has_no_effect_at_inference_is_not_given(call):
    assert list(call_module.given(call)) == ["sequences"]


def test_a_call_knows_its_tensors_and_arguments():
    a, b = keras.KerasTensor((1, 5)), keras.KerasTensor((1, 5))
    call = Call(keras.layers.Subtract(name="subtract"), ([a, b],), {})
    assert [id(each) for each in call.tensors] == [id(a), id(b)]
    assert call.arguments([7, 11]) == (([7, 11],), {})
    assert call.name == "subtract"


def test_a_function_has_the_same_name_each_time():
    names = {Call(type(keras.ops.add(x, x)._keras_history.operation)(), (x, x), {}).name
             for x in (keras.Input((5,)), keras.Input((7,)))}
    assert names == {"add"}


def test_a_call_makes_a_value_for_each_output(lowering, call):
    values = lowering.call(call, [keras.KerasTensor((1, 3)), keras.KerasTensor((1, 3))])
    node, = lowering.graph.nodes
    assert (node.kind, values) == ("call", node.outputs)
    assert len(values) == 2
    assert lowering.spec(values[1]).shape == (1, 3)
    assert lowering.graph.called_layers() == [call.operation]


def test_shapes_and_types_of_what_is_made_are_inferred(lowering):
    x = lowering.input(keras.KerasTensor((2, 7, 5)))
    y = lowering.add("dense", "d", [x], {"kernel": np.ones((5, 3), "float32")})
    assert (lowering.spec(y).shape, lowering.spec(y).dtype) == ((2, 7, 3), "float32")
    values, places = lowering.add_many(2, "top_k", "k", [y], k=2)
    assert lowering.spec(values).shape == lowering.spec(places).shape == (2, 7, 2)
    assert lowering.spec(places).dtype == "int32"


def test_what_depends_on_constants_alone_is_a_constant(lowering):
    two, three = lowering.value(np.float32(2)), lowering.value(np.float32([3, 5]))
    made = lowering.add("binary", "sum", [two, three], function="add", aligned=False)
    np.testing.assert_array_equal(lowering.known(made), [5, 7])
    assert {node.kind for node in lowering.graph.nodes} == {"constant"}
    x = lowering.input(keras.KerasTensor((1, 2)))
    assert lowering.known(lowering.add(
        "binary", "sum", [x, three], function="add", aligned=False)) is None


@pytest.mark.parametrize(("number", "like", "dtype"), [
    (3, "float32", "float32"), (3, "int64", "int64"), (0.5, "float32", "float32"),
    (3, None, "int32"), (0.5, "float16", "float32")])
def test_a_number_of_python_takes_the_type_of_its_operand(lowering, number, like, dtype):
    made = lowering.known(lowering.value(number, like))
    assert (made, made.dtype) == (number, dtype)


def test_an_activation_is_told_unless_it_is_the_identity():
    assert call_module.activation_of(keras.layers.Dense(3)) is None
    assert call_module.activation_of(
        keras.layers.Dense(3, activation="relu")) is keras.activations.relu
    with pytest.raises(Unfit, match="a function of its own"):
        call_module.activation_of(keras.layers.Dense(3, activation=lambda x: x))


def test_a_function_of_a_layer_becomes_a_handler(call):
    seen = []

    def add_layer(*arguments):
        seen.append(arguments)
        return 13

    handler = given_to_handlers.of_layer(add_layer)
    assert handler("lowering", call, [11]) == 13
    assert seen == [("lowering", call.operation, 11, "gru")]
    with pytest.raises(Unfit, match="several tensors"):
        handler("lowering", call, [11, 13])
