"""`keras_seqattn.edge.structures`: whatever `model.predict` takes and gives, a file does."""

import collections
import warnings

import keras
import numpy as np
import pytest
from tolerances import EDGE_FLOAT32

from keras_seqattn import edge
from keras_seqattn.edge import structures

pytestmark = pytest.mark.edge


def _two(first="a", second="b"):
    return keras.Input((4,), name=first), keras.Input((4,), name=second)


def _dense(units, x, name=None):
    return keras.layers.Dense(units, name=name)(x)


def _model(inputs, outputs):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "When providing `inputs` as a dict")
        return keras.Model(inputs, outputs)


def _shared_head():
    (a, b), head = _two(), keras.layers.Dense(3, name="head")
    return _model([a, b], [head(a), head(b)])


def _backbone_of_two_heads():
    x, (a, _) = keras.Input((4,)), _two()
    backbone = _model(x, [_dense(3, x), _dense(2, x)])
    backbone.name = "backbone"
    return _model(a, backbone(a))


def _nested_dictionaries():
    a, b = _two()
    return _model({"u": {"x": a, "y": b}}, {"o": {"m": _dense(3, a - 2 * b), "n": [
        _dense(2, b), _dense(1, a)]}})


def _lists_in_a_dictionary():
    a, b = _two()
    return _model({"both": [a, b]}, {"all": [_dense(3, a - 2 * b), _dense(2, b)]})


def _nested_lists():
    a, b = _two()
    return _model([[a], b], [[_dense(3, a - 2 * b, "d")], _dense(2, b, "e")])


def _names_against_sort_order():
    z, y = _two("z", "y")
    return _model([z, y], [_dense(3, z - 2 * y, "zz"), _dense(3, y, "aa")])


def _keys_that_are_the_other_inputs_names():
    a, b = _two()
    return _model({"a": b, "b": a}, _dense(3, a - 2 * b, "d"))


def _in_an_order_of_its_own():
    a, b = _two()
    return _model(collections.OrderedDict(q=a, p=b),
                  collections.OrderedDict(n=_dense(3, a - 2 * b), m=_dense(2, b)))


def _nested_sequential_twice():
    a, _ = _two()
    inner = keras.Sequential([keras.layers.Dense(4, activation="tanh")], name="inner")
    return _model(a, [inner(a), inner(inner(a))])


def _states():
    x = keras.Input((5, 2), name="x")
    return _model(x, keras.layers.LSTM(3, return_sequences=True, return_state=True, name="lstm")(x))


def _an_input_that_is_an_output():
    a, b = _two()
    return _model([a, b], {"a": a, "d": _dense(3, a * b)})


def _one_tensor_twice():
    a, _ = _two()
    found = _dense(3, a, "d")
    return _model(a, [found, found])


def _a_constant():
    a, _ = _two()
    return _model(a, {"d": _dense(3, a), "c": keras.ops.zeros_like(a) + 1.5})


def _list_called_with_a_dictionary():
    z, a = _two("z", "a")
    inner = _model([z, a], _dense(3, z - 2 * a))
    p, q = _two("p", "q")
    found = inner({"z": p, "a": q})
    return _model([p, q], {"d": found})


def _self():
    own, b = _two("self", "b")
    return _model([own, b], {"d": _dense(3, own - 2 * b)})


NAMES = {
    _shared_head: (["a", "b"], ["head", "head_1"]),
    _backbone_of_two_heads: (["a"], ["backbone", "backbone_1"]),
    _nested_dictionaries: (["u_x", "u_y"], ["o_m", "o_n_0", "o_n_1"]),
    _lists_in_a_dictionary: (["both_0", "both_1"], ["all_0", "all_1"]),
    _nested_lists: (["a", "b"], ["d", "e"]),
    _names_against_sort_order: (["z", "y"], ["zz", "aa"]),
    _keys_that_are_the_other_inputs_names: (["a", "b"], ["d"]),
    _in_an_order_of_its_own: (["q", "p"], ["n", "m"]),
    _nested_sequential_twice: (["a"], ["inner", "inner_1"]),
    _states: (["x"], ["lstm", "lstm_1", "lstm_2"]),
    _an_input_that_is_an_output: (["a", "b"], ["a", "d"]),
    _one_tensor_twice: (["a"], ["d", "d_1"]),
    _a_constant: (["a"], ["c", "d"]),
    _list_called_with_a_dictionary: (["p", "q"], ["d"]),
    _self: (["self_", "b"], ["d"]),
}


@pytest.mark.parametrize("make", NAMES)
def test_a_file_takes_and_gives_what_predict_does(make, tmp_path):
    keras.utils.set_random_seed(11)
    model, (taken, given) = make(), NAMES[make]
    report = edge.export(model, tmp_path / "x.tflite", "float32")
    assert report.holds
    assert [each["name"] for each in report.inputs] == taken
    assert [each["name"] for each in report.outputs] == given
    assert not [each for each in report.warnings if "are named" in each]
    rng, made = np.random.default_rng(5), structures.inputs_of(model)
    arrays = keras.tree.map_structure(
        lambda tensor: rng.normal(size=(7, *tensor.shape[1:])).astype("float32"), made)
    expected = keras.tree.flatten(model.predict(arrays, verbose=0))
    found = edge.load(tmp_path / "x.tflite")(arrays)
    found = list(found.values()) if isinstance(found, dict) else [found]
    for own, array in zip(expected, found, strict=True):
        np.testing.assert_allclose(array, own, atol=EDGE_FLOAT32)


def test_keys_that_meet_when_they_are_joined_stay_apart():
    a, b = _two()
    model = _model({"a": {"b": a}, "a_b": b}, {"c": {"d": a * 2}, "c_d": b * 3})
    named = structures.inputs_by_name(model)
    assert {name: tensor.name for name, tensor in named.items()} == {"a_b": "a", "a_b_1": "b"}
    outputs = structures.outputs_by_name(model, {"c": {"d": 2}, "c_d": 3})
    assert outputs == {"c_d": 2, "c_d_1": 3}


def test_a_name_that_litert_takes_itself_is_told(tmp_path):
    report = edge.export(_self(), tmp_path / "x.tflite", "float32")
    assert report.notes == [
        "input self is named self_ in the file, since LiteRT cannot be given self"]


@pytest.mark.parametrize(("reduce", "shape"), [
    (keras.ops.mean, []),
    (lambda x: keras.ops.sum(x, axis=0), [3]),
    (lambda x: keras.ops.mean(x, axis=0, keepdims=True), [1, 3]),
    (keras.ops.transpose, [3, 1]),
    (lambda x: keras.ops.concatenate([x, 2 * x], axis=0), [2, 3]),
])
def test_outputs_without_an_axis_of_examples_are_those_of_each_example(reduce, shape, tmp_path):
    a, _ = _two()
    model = _model(a, {"reduced": reduce(_dense(3, a)), "same": a * 2})
    report = edge.export(model, tmp_path / "x.tflite", "float32")
    assert report.holds
    assert {each["name"]: each["shape"] for each in report.outputs}["reduced"] == shape
    array = np.random.default_rng(7).normal(size=(5, 4)).astype("float32")
    found = edge.load(tmp_path / "x.tflite")(array)
    each = np.stack([model(array[i:i + 1])["reduced"] for i in range(5)])
    np.testing.assert_allclose(found["reduced"].reshape(each.shape), each, atol=EDGE_FLOAT32)
    np.testing.assert_allclose(found["same"], 2 * array, atol=EDGE_FLOAT32)


def test_sizes_take_the_place_of_what_is_unknown():
    made = {"q": structures.Port("a", (None, None), "int32"),
            "p": [structures.Port("b", (None, 3), "float32")]}
    found = structures.in_sizes(made, {"a": (None, 5), "b": (None, 3)})
    assert found == {"q": structures.Port("a", (None, 5), "int32"),
                     "p": [structures.Port("b", (None, 3), "float32")]}
