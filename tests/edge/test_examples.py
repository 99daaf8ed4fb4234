"""`keras_seqattn.edge.examples`: whatever form examples have, each input gets its own."""

import keras
import numpy as np
import pytest

from keras_seqattn.edge import examples, structures
from keras_seqattn.testing import check_error

LEFT = np.arange(11 * 3, dtype="float32").reshape(11, 3)
RIGHT = -np.arange(11 * 5, dtype="float32").reshape(11, 5)


def ports(*names, keys=None):
    """Symbolic inputs of 3, 5 … features, in a list or under the keys of a dictionary."""
    made = [keras.Input((3 + 2 * i,), name=name) for i, name in enumerate(names)]
    return made if keys is None else dict(zip(keys, made, strict=True))


class Numbered(keras.utils.PyDataset):
    """Batches of 4, 4 and 3 examples, with labels."""

    def __init__(self, label=True):
        super().__init__()
        self._label = label

    def __len__(self):
        return 3

    def __getitem__(self, index):
        part = LEFT[4 * index:4 * index + 4]
        return (part, np.zeros(len(part))) if self._label else part


def of_tensorflow(array, *more, batch=None):
    tf = pytest.importorskip("tensorflow", reason="needs tensorflow")
    made = tf.data.Dataset.from_tensor_slices((array, *more) if more else array)
    return made.batch(batch) if batch else made


@pytest.mark.parametrize("given", [
    lambda: LEFT,
    lambda: LEFT.astype("float64"),
    lambda: LEFT.astype(int),
    lambda: LEFT.tolist(),
    lambda: list(LEFT),
    lambda: [LEFT],
    lambda: (LEFT,),
    lambda: {"left": LEFT},
    lambda: {"left": LEFT, "label": np.zeros(11)},
    lambda: keras.ops.convert_to_tensor(LEFT),
    lambda: ([LEFT[i:i + 1]] for i in range(11)),
    lambda: (LEFT[i] for i in range(11)),
    lambda: ({"left": LEFT[i:i + 2]} for i in range(0, 11, 2)),
    lambda: ((LEFT[i:i + 2], np.ones(2)) for i in range(0, 11, 2)),
    lambda: lambda: iter([[LEFT[:7]], [LEFT[7:]]]),
    lambda: ([LEFT[i], 1] for i in range(11)),
    lambda: map(tuple, LEFT),
    Numbered,
    lambda: Numbered(label=False),
    lambda: of_tensorflow(LEFT, batch=4),
    lambda: of_tensorflow(LEFT),
    lambda: of_tensorflow(LEFT, np.zeros(11), batch=4),
    lambda: of_tensorflow(LEFT, np.zeros(11), np.ones(11), batch=4),
])
@pytest.mark.parametrize("listed", [True, False])
def test_examples_of_one_input(given, listed):
    inputs = ports("left")
    found = examples.take(inputs if listed else inputs[0], given())
    assert list(found) == ["left"]
    np.testing.assert_array_equal(found["left"], LEFT)
    assert found["left"].dtype == "float32"


@pytest.mark.parametrize("given", [
    lambda: [LEFT, RIGHT],
    lambda: (LEFT, RIGHT),
    lambda: {"z": LEFT, "a": RIGHT},
    lambda: ((LEFT[i], RIGHT[i]) for i in range(11)),
    lambda: (((LEFT[i:i + 3], RIGHT[i:i + 3]), [1, 2, 3]) for i in range(0, 11, 3)),
    lambda: ({"a": RIGHT[i:i + 1], "z": LEFT[i:i + 1]} for i in range(11)),
    lambda: of_tensorflow(LEFT, RIGHT, batch=4),
])
def test_examples_of_two_inputs(given):
    """`z` comes first, though `a` does in the alphabet."""
    found = examples.take(ports("z", "a"), given())
    assert list(found) == ["z", "a"]
    np.testing.assert_array_equal(found["z"], LEFT)
    np.testing.assert_array_equal(found["a"], RIGHT)


@pytest.mark.parametrize("given", [
    {"query": LEFT, "doc": RIGHT}, {"in1": LEFT, "in2": RIGHT}, [RIGHT, LEFT]])
def test_a_dictionary_has_the_models_own_keys_or_the_names(given):
    """A list follows the order of the keys, as Keras' own list of inputs does."""
    inputs = ports("in1", "in2", keys=["query", "doc"])
    assert [each.name for each in keras.tree.flatten(inputs)] == ["in2", "in1"]
    found = examples.take(inputs, given)
    np.testing.assert_array_equal(found["in1"], LEFT)
    np.testing.assert_array_equal(found["in2"], RIGHT)


def test_keys_go_before_names_where_both_fit():
    square = [keras.Input((3,), name=name) for name in "ab"]
    found = examples.take({"b": square[0], "a": square[1]}, {"b": LEFT, "a": -LEFT})
    np.testing.assert_array_equal(found["a"], LEFT)


def test_nested_structures_and_back():
    (one, two), three = ports("one", "two"), keras.Input((3,), name="three")
    inputs = {"pair": [one, two], "single": three}
    given = {"pair": (LEFT, RIGHT), "single": 2 * LEFT}
    found = examples.take(inputs, given)
    assert {name: array[1].tolist() for name, array in found.items()} == {
        "one": LEFT[1].tolist(), "two": RIGHT[1].tolist(), "three": (2 * LEFT[1]).tolist()}
    made = structures.as_made(inputs, found)
    np.testing.assert_array_equal(made["pair"][1], RIGHT)
    np.testing.assert_array_equal(made["single"], 2 * LEFT)


def test_of_many_some_are_taken():
    many = np.repeat(np.arange(1_031, dtype="float32")[:, None], 3, axis=1)
    taken = examples.take(ports("left"), many)["left"][:, 0]
    assert (len(taken), taken[0], taken[-1]) == (examples.MOST, 0, 1_030)
    assert len(examples.take(ports("left"), many, targets=many)["left"]) == 1_031
    endless = ((np.full(3, i)) for i in iter(int, 1))
    assert len(examples.take(ports("left"), endless)["left"]) == examples.MOST


def test_sizes_that_are_not_fixed_fit_any():
    words = keras.Input((None,), dtype="int32", name="words")
    assert examples.take(words, [[1, 2], [3, 4], [5, 6]])["words"].tolist() == [
        [1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(("given", "received"), [
    (LEFT[:0], {"examples": 0}),
    (iter([]), {"examples": 0}),
    ([[1.0, 2.0, 3.0], [1.0, 2.0]], {"examples": "list", "input": "left"}),
    ((row for row in [LEFT[:1], LEFT[:1, :2]]), {"input": "left"}),
    (np.array(["a", "b", "c"]), {"input": "left"}),
    (LEFT[:, :2], {"example_shapes": {"left": (11, 2)}}),
    (LEFT[0], {"example_shapes": {"left": (3,)}}),
    ({"right": LEFT}, {"inputs": ["left"]}),
    (np.where(LEFT == 7, np.nan, LEFT), {"not_finite": "left"}),
    (np.where(LEFT == 7, np.inf, LEFT), {"not_finite": "left"}),
])
def test_what_is_refused_of_one_input(given, received):
    check_error(lambda: examples.take(ports("left"), given), **received)


@pytest.mark.parametrize(("given", "received"), [
    (LEFT, {"examples": "one ndarray"}),
    ([LEFT], {"examples": "1 in a list"}),
    ([LEFT, RIGHT, LEFT], {"examples": "3 in a list"}),
    ([LEFT, RIGHT[:7]], {"example_shapes": {"a": (11, 3), "b": (7, 5)}}),
    ({"a": LEFT}, {"examples": "a dictionary of a"}),
])
def test_what_is_refused_of_two_inputs(given, received):
    check_error(lambda: examples.take(ports("a", "b"), given), **received)


@pytest.mark.parametrize(("dtype", "value"), [("int32", 1.5), ("uint8", 256), ("uint8", -1)])
def test_a_number_that_the_input_cannot_hold(dtype, value):
    port = structures.Port("x", (None, 3), dtype)
    check_error(lambda: examples.take(port, np.full((2, 3), value)), input="x", value=value)
    assert examples.take(port, np.full((2, 3), 7.0))["x"].dtype == dtype
