"""`keras_seqattn.edge.check.reference`: the model as its users call it."""

import types

import keras
import numpy as np
import pytest
from keras import layers as K

from keras_seqattn.edge.check import reference as module
from keras_seqattn.edge.check.reference import EAGER, Reference


def runner(**inputs):
    """What a reference asks of a file: its inputs, of 1 example each, and its outputs."""
    return types.SimpleNamespace(outputs={}, inputs={
        name: {"shape": (1, *shape), "dtype": np.dtype(dtype)}
        for name, (shape, dtype) in inputs.items()})


def reference(model, mean=127.5, std=127.5, **inputs):
    return Reference(model, runner(**inputs), mean, std)


def two(structure):
    a, b = keras.Input((3,), name="a"), keras.Input((5,), name="b")
    joined = K.Concatenate()([a, b])
    return keras.Model(structure(a, b), {"sum": K.Dense(7, name="x")(joined), "same": joined})


@pytest.mark.parametrize("structure", [
    lambda a, b: [b, a], lambda a, b: {"a": a, "b": b}, lambda a, b: {"deep": [a], "b": b}])
@pytest.mark.parametrize("count", [11, EAGER + 7])
def test_outputs_are_those_of_predict(structure, count, rng):
    model = two(structure)
    a, b = (rng.normal(size=(count, size)).astype("float32") for size in (3, 5))
    found = reference(model, a=((3,), "float32"), b=((5,), "float32")).outputs({"a": a, "b": b})
    expected = model.predict(structure(a, b), verbose=0)
    assert set(found) == set(expected) == {"sum", "same"}
    np.testing.assert_array_equal(found["same"], np.concatenate([a, b], axis=1))
    np.testing.assert_allclose(found["sum"], expected["sum"], atol=1e-6)


def test_inputs_of_other_names_go_by_their_order(rng):
    model = two(lambda a, b: [a, b])
    a, b = (rng.normal(size=(2, size)).astype("float32") for size in (3, 5))
    held = reference(model, one=((3,), "float32"), two=((5,), "float32"))
    assert held.outputs(held.taken([a, b]))["same"].tolist() == np.concatenate(
        [a, b], axis=1).tolist()


@pytest.mark.parametrize(("outputs", "names"), [
    (lambda one, two: [one(two), one], ["twice", "twice_1"]),
    (lambda one, two: {"b": one(two), "a": [one, one]}, ["a_0", "a_1", "b"]),
])
def test_each_output_has_a_name_of_its_own(outputs, names):
    x = keras.Input((3,), name="x")
    twice = K.Rescaling(2.0, name="twice")

    class Calls:
        def __init__(self, made):
            self.made = made

        def __call__(self, _):
            return twice(x)

    first = twice(x)
    called = Calls(first)
    structure = outputs(called, first)
    structure = keras.tree.map_structure(
        lambda each: each.made if isinstance(each, Calls) else each, structure)
    found = reference(keras.Model(x, structure), x=((3,), "float32")).outputs(
        {"x": np.ones((2, 3), "float32")})
    assert sorted(found) == names


def test_pixels_that_the_file_scales_itself(rng):
    x = keras.Input((2, 3, 3), name="x")
    model = keras.Model(x, K.Flatten(name="y")(x))
    held = reference(model, 120.0, 60.0, x=((2, 3, 3), "uint8"))
    pixels = rng.integers(0, 256, (4, 2, 3, 3))
    scaled = ((pixels - 120.0) / 60.0).astype("float32")
    taken = held.taken(scaled)
    assert (taken["x"].dtype, taken["x"].tolist()) == ("uint8", pixels.tolist())
    np.testing.assert_allclose(held.outputs(taken)["y"], scaled.reshape(4, -1), atol=1e-6)
    assert held.drawn()["x"].dtype == "uint8"


def test_a_quantised_input_is_drawn_as_the_model_takes_it():
    x = keras.Input((5,), name="x")
    held = reference(keras.Model(x, K.Dense(3)(x)), x=((5,), "int8"))
    assert held.drawn()["x"].dtype == "float32"


def test_no_more_examples_are_run_than_patience_allows(rng):
    x = keras.Input((3,), name="x")
    held = reference(keras.Model(x, K.Dense(3, name="y")(x)), x=((3,), "float32"))
    arrays = {"x": rng.normal(size=(29, 3)).astype("float32")}
    assert len(held.outputs(arrays)["y"]) == 29
    assert len(held.outputs(arrays, patience=0)["y"]) == 8


def test_where_rounding_decides():
    """Two equal columns are a tie, two others are none; the weights come back."""
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.ops.argmax(K.Dense(3)(x), axis=-1))
    kernel = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1]], "float32")
    model.set_weights([kernel, np.array([1, 1, 1], "float32")])
    held = reference(model, x=((3,), "float32"))
    arrays = {"x": np.array([[1, 0, 0], [0, 0, 1]], "float32")}
    (name, values), = held.outputs(arrays).items()
    assert held.near_ties(arrays, name, values).tolist() == [True, False]
    np.testing.assert_array_equal(model.get_weights()[0], kernel)


def test_a_function_has_no_weights_to_shake():
    held = reference(lambda x: x.argmax(-1), x=((3,), "float32"))
    assert held.near_ties({"x": np.ones((2, 3))}, 0, np.zeros(2)).tolist() == [False, False]


def test_a_large_model_is_given_few_examples(monkeypatch):
    model = keras.Sequential([keras.Input((5,), name="x"), K.Dense(3)])
    held = reference(model, x=((5,), "float32"))
    assert len(held.drawn()["x"]) == 8
    monkeypatch.setattr(module, "LARGE", model.count_params() - 1)
    assert len(held.drawn()["x"]) == module.FEW
