"""`keras_seqattn.edge.contract.outputs`: what graph, user and labels say together."""

import keras
import pytest

from keras_seqattn.edge.contract.content import Found
from keras_seqattn.edge.contract.outputs import decide, of_graph
from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
LINEAR, USED = Found(linear=True), Found(linear=True, used=True)
LABELS = ["a", "b", "c"]


def _contents(shapes, found=None, told=None, labels=None, dtype="float32"):
    outputs = {name: {"shape": shape, "dtype": dtype} for name, shape in shapes.items()}
    return {name: each["content"] for name, each in decide(
        outputs, found, told, labels).items()}


@pytest.mark.parametrize(("found", "expected"), [
    (LINEAR, "logits"), (Found(), None), (Found("probabilities"), "probabilities"),
    (Found("independent probabilities"), "independent probabilities"),
    (Found("logits"), "logits"), (USED, "features"),
    (Found("probabilities", used=True), "features")])
def test_one_output(found, expected):
    assert _contents({"x": (None, 3)}, {"x": found}) == {"x": expected}


def test_the_first_output_that_may_be_classes_is():
    shapes = {"a": (None, 5, 3), "b": (None, 1), "c": (None, 3), "d": (None, 2)}
    found = dict.fromkeys(shapes, LINEAR)
    assert _contents(shapes, found) == {
        "a": "features", "b": "features", "c": "logits", "d": "features"}
    assert _contents(shapes, {**found, "c": USED})["d"] == "logits"
    assert _contents(shapes, {**found, "d": Found("probabilities")}) == {
        "a": "features", "b": "features", "c": "features", "d": "probabilities"}


def test_labels_make_classes():
    assert _contents({"x": (None, 3), "y": (None, 5)}, labels=LABELS) == {
        "x": None, "y": "features"}
    shapes, found = {"x": (None, 3), "y": (None, 3)}, {"x": USED, "y": LINEAR}
    assert _contents(shapes, found, labels={"x": LABELS}) == {"x": "logits", "y": "features"}
    assert _contents(shapes, found, labels={"x": LABELS, "y": LABELS}) == {
        "x": "logits", "y": "logits"}
    assert _contents({"x": (None, 1)}, {"x": LINEAR}, labels=["no", "yes"]) == {"x": "logits"}


def test_labels_stand_with_their_output():
    outputs = {"x": {"shape": (None, 3), "dtype": "float32"}}
    assert decide(outputs, labels={0: "a", 1: "b", 2: "c"})["x"]["labels"] == LABELS
    assert "labels" not in decide(outputs)["x"]


def test_the_user_has_the_last_word():
    shapes = {"x": (None, 3), "y": (None, 3)}
    found = {"x": Found("probabilities"), "y": LINEAR}
    assert _contents(shapes, found, {"x": "features"}) == {"x": "features", "y": "logits"}
    assert _contents({"x": (None, 3)}, {"x": LINEAR}, "independent probabilities", LABELS) == {
        "x": "independent probabilities"}


def test_other_dtypes_and_the_map_of_attention():
    assert _contents({"x": (None, 3)}, dtype="int32") == {"x": "indices"}
    assert _contents({"x": (None, 3)}, dtype="bool") == {"x": "features"}
    assert _contents({"attention": (None, 3)}) == {"attention": "attention"}
    check_error(lambda: _contents({"x": (None, 3)}, dtype="int32", labels=LABELS), num_labels=3)


def test_what_a_graph_tells_of_itself():
    x = keras.Input((7,), name="x")
    features = keras.layers.Dense(3, name="features")(x)
    outputs = {"scores": keras.layers.Dense(3, activation="sigmoid")(features),
               "features": features}
    model = keras.Model(x, outputs)
    assert of_graph(lower(model), labels=LABELS) == {
        "features": {"content": "features"},
        "scores": {"content": "independent probabilities", "labels": LABELS}}
