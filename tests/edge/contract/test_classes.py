"""`keras_seqattn.edge.contract.classes`: probabilities by hand."""

import numpy as np
import pytest

from keras_seqattn.edge.contract import classes

INDEPENDENT = "independent probabilities"


@pytest.mark.parametrize(("values", "kind", "expected"), [
    (np.log([[1.0, 2.0, 5.0]]), "logits", [[0.125, 0.25, 0.625]]),
    ([[0.7, 0.2, 0.1]], "probabilities", [[0.7, 0.2, 0.1]]),
    ([[0.9, 0.8, 0.3]], INDEPENDENT, [[0.9, 0.8, 0.3]]),
    (np.log([[3.0], [1.0]]), "logits", [[0.25, 0.75], [0.5, 0.5]]),
    ([[0.25], [0.75]], INDEPENDENT, [[0.75, 0.25], [0.25, 0.75]]),
    ([[[[0.25, 0.75]]]], "probabilities", [[0.25, 0.75]]),
    ([[1000.0, 0.0]], "logits", [[1.0, 0.0]]), ([[-1000.0]], "logits", [[1.0, 0.0]])])
def test_probabilities(values, kind, expected):
    found = classes.probabilities(np.array(values, "float32"), kind)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == "float64"


def test_choices():
    assert classes.choices(np.array([[0.4], [0.6], [0.5]]), INDEPENDENT).tolist() == [0, 1, 0]
    assert classes.choices(np.array([[-0.1], [0.1]]), "logits").tolist() == [0, 1]
    assert classes.choices(np.array([[1.0, 3.0, 2.0]]), "logits").tolist() == [1]


def test_names():
    shares = np.array([0.2, 0.5, 0.3])
    assert classes.named(shares, ["a", "b", "c"]) == [("b", 0.5), ("c", 0.3), ("a", 0.2)]
    assert classes.named(shares, None) == [("1", 0.5), ("2", 0.3), ("0", 0.2)]
    assert classes.named(np.array([0.75, 0.25]), ["cat", "dog"]) == [("cat", 0.75), ("dog", 0.25)]
    assert classes.named(np.array([0.75, 0.25]), ["dog"]) == [("dog", 0.25)]


def test_the_output_that_answers():
    def facts(name, content, shape=(1, 3), **more):
        return {"name": name, "content": content, "shape": list(shape), **more}

    features, logits = facts("a", "features"), facts("b", "logits")
    mask = facts("c", "probabilities", (1, 5, 7, 3), labels=["x", "y", "z"])
    labelled = facts("d", INDEPENDENT, (1, 1, 1, 3), labels=["x", "y", "z"])
    unknown = facts("e", None)
    assert classes.answer([features, logits, mask, labelled]) is labelled
    assert classes.answer([features, logits, mask]) is logits
    assert classes.answer([features, unknown]) is unknown
    assert classes.answer([features, mask]) is None
