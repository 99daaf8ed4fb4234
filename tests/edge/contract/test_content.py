"""`keras_seqattn.edge.contract.content`: what outputs are, found in graphs of real models."""

import keras
import pytest
from keras import layers, ops

from keras_seqattn.edge.contract.content import CONTENTS, Found, find, tell
from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
PROBABILITIES, INDEPENDENT = Found("probabilities"), Found("independent probabilities")
LINEAR = Found(linear=True)


def _found(outputs, shape=(7,)):
    """What is found of outputs that are made of features."""
    x = keras.Input(shape, name="x")
    made = outputs(x)
    named = made if isinstance(made, dict) else {"y": made}
    return find(lower(keras.Model(x, named)))


ENDS = {
    "dense": (lambda x: layers.Dense(3)(x), LINEAR),
    "dense softmax": (lambda x: layers.Dense(3, activation="softmax")(x), PROBABILITIES),
    "dense sigmoid": (lambda x: layers.Dense(1, activation="sigmoid")(x), INDEPENDENT),
    "dense by the function of ops": (
        lambda x: layers.Dense(3, activation=ops.softmax)(x), PROBABILITIES),
    "dense by a layer": (
        lambda x: layers.Dense(3, activation=layers.Softmax())(x), PROBABILITIES),
    "dense hard sigmoid": (lambda x: layers.Dense(3, activation="hard_sigmoid")(x), INDEPENDENT),
    "dense relu": (lambda x: layers.Dense(3, activation="relu")(x), Found()),
    "softmax": (lambda x: layers.Softmax()(layers.Dense(3)(x)), PROBABILITIES),
    "activation": (lambda x: layers.Activation("sigmoid")(layers.Dense(3)(x)), INDEPENDENT),
    "activation linear": (
        lambda x: layers.Activation("linear")(layers.Dense(3, activation="softmax")(x)),
        PROBABILITIES),
    "ops softmax": (lambda x: ops.softmax(layers.Dense(3)(x)), PROBABILITIES),
    "ops sigmoid": (lambda x: ops.sigmoid(layers.Dense(3)(x)), INDEPENDENT),
    "rearranged": (lambda x: layers.Flatten()(layers.Permute((2, 1))(layers.Reshape((3, 1))(
        layers.Dense(3, activation="softmax")(x)))), PROBABILITIES),
    "cast": (lambda x: ops.cast(ops.softmax(layers.Dense(3)(x)), "float32"), PROBABILITIES),
    "squeezed": (lambda x: ops.squeeze(ops.expand_dims(ops.sigmoid(x), 1), 1), INDEPENDENT),
    "argmax": (lambda x: ops.argmax(layers.Dense(3)(x), axis=-1), Found("indices")),
    "linear rearranged": (lambda x: layers.Reshape((3, 1))(layers.Dense(3)(x)), LINEAR),
    "heads together": (lambda x: layers.Concatenate()(
        [layers.Dense(2, activation="sigmoid")(x), layers.Dense(3, activation="sigmoid")(x)]),
        INDEPENDENT),
    "distributions together": (lambda x: layers.Concatenate()(
        [layers.Dense(2, activation="softmax")(x), layers.Dense(3, activation="softmax")(x)]),
        INDEPENDENT),
    "part of a distribution": (
        lambda x: ops.softmax(layers.Dense(2)(x))[:, 1:], INDEPENDENT),
    "ensemble": (lambda x: layers.Average()(
        [layers.Dense(3, activation="softmax")(x) for _ in range(2)]), PROBABILITIES),
    "twice the mean": (lambda x: layers.Add()(
        [layers.Dense(3, activation="softmax")(x) for _ in range(2)]), Found()),
    "ensemble of three": (lambda x: layers.Average()(
        [layers.Dense(3, activation="sigmoid")(x) for _ in range(3)]), INDEPENDENT),
    "mixed": (lambda x: layers.Average()(
        [layers.Dense(3, activation="softmax")(x), layers.Dense(3)(x)]), Found()),
    "recurrent": (lambda x: layers.LSTM(3, activation="sigmoid")(layers.Reshape((7, 1))(x)),
                  Found()),
    "custom": (lambda x: layers.Lambda(lambda y: y / ops.sum(y))(x), Found()),
    "nested": (lambda x: keras.Sequential([
        layers.Dense(5), layers.Dense(3, activation="softmax")])(x), PROBABILITIES),
    "own input": (lambda x: x, Found()),
}


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_a_model(end):
    outputs, expected = ENDS[end]
    assert _found(outputs) == {"y": expected}


@pytest.mark.parametrize("layer", [
    layers.Conv2D(3, 2, activation="softmax"), layers.SeparableConv2D(3, 2, activation="softmax"),
    layers.Conv2DTranspose(3, 2, activation="softmax")])
def test_convolutions_end_in_activations_too(layer):
    assert _found(layer, (5, 7, 2)) == {"y": PROBABILITIES}


def test_both_outputs_of_top_k():
    found = _found(lambda x: dict(zip(("values", "places"), ops.top_k(x, 3), strict=True)))
    assert found == {"values": Found("features"), "places": Found("indices")}


def test_logits_are_what_conclusions_are_drawn_from():
    def outputs(x):
        scores = layers.Dense(3)(x)
        return {"a": scores, "b": ops.argmax(scores, axis=-1)}

    assert _found(outputs) == {"a": Found("logits", linear=True), "b": Found("indices")}


def test_probabilities_stay_what_they_are_beside_their_conclusion():
    def outputs(x):
        scores = layers.Dense(3, activation="softmax")(x)
        return {"a": scores, "b": ops.argmax(scores, axis=-1)}

    assert _found(outputs)["a"] == PROBABILITIES


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_what_the_model_computes_with_is_used(activation):
    """Directly or rearranged; a head that ends in a softmax is a product first."""
    def outputs(x):
        features = layers.Dense(5)(x)
        read = layers.Flatten()(layers.Reshape((5, 1))(features))
        return {"a": features, "b": layers.Dense(3, activation=activation)(read)}

    assert _found(outputs)["a"] == Found(linear=True, used=True)


def test_what_the_user_tells():
    assert tell(None, ["a", "b"]) == {}
    assert tell({"b": "features"}, ["a", "b"]) == {"b": "features"}
    for content in CONTENTS:
        assert tell(content, ["a"]) == {"a": content}
    check_error(lambda: tell("logits", ["a", "b"]), outputs="logits")
    check_error(lambda: tell("logitz", ["a"]), name="a", content="logitz")
    check_error(lambda: tell({"aa": "logits"}, ["a", "b"]), name="aa")
    check_error(lambda: tell({"a": None}, ["a"]), content=None)
    check_error(lambda: tell(["logits"], ["a"]), outputs=["logits"])
    with pytest.raises(ValueError, match="did you mean 'logits'"):
        tell("logitz", ["a"])
