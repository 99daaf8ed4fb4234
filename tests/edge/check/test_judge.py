"""`keras_seqattn.edge.check.judge`: what is right passes in its precision, nothing else does."""

import types

import keras
import numpy as np
import pytest

from keras_seqattn.edge.check.judge import judge_equal, judge_size
from keras_seqattn.edge.precisions import PRECISIONS

LOSSY = [name for name in PRECISIONS if name != "float32"]
KINDS = {
    "argmax": lambda y: y.argmax(-1), "top_k": lambda y: np.argsort(-y)[:, :3],
    "sign": lambda y: y > 0, "levels": lambda y: np.floor(2 * y).astype("int32")}


def report(precision, weight_bytes=0):
    return types.SimpleNamespace(precision=precision, equal={}, failures=[],
                                 weight_bytes=weight_bytes)


def judged(precision, expected, actual, ties=None):
    found = report(precision)
    near = np.zeros(expected.shape, "bool") if ties is None else ties
    judge_equal(found, "y", expected, actual, lambda: near)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", LOSSY)
@pytest.mark.parametrize("num_classes", [7, 1_009])
def test_choices_of_logits_that_are_off_by_what_quantising_does(kind, precision, num_classes, rng):
    """A third of the tolerance, as is measured; other logits never pass."""
    logits = rng.normal(size=(61, num_classes))
    off = logits + PRECISIONS[precision].tolerance / 3 * rng.normal(size=logits.shape)
    choose = KINDS[kind]
    assert judged(precision, choose(logits), choose(off)).failures == []
    for wrong in (logits[::-1], -logits, np.roll(logits, 1, axis=-1)):
        (failure,) = judged(precision, choose(logits), choose(wrong)).failures
        assert failure.startswith("of y ")


def test_in_float32_one_other_value_is_a_failure():
    expected = np.arange(10_007)
    actual = np.where(expected == 5_003, 7, expected)
    found = judged("float32", expected, actual)
    assert found.failures == [
        "of y 100.0% equal the model's, the first other value is 7 instead of 5003 at (5003,)"]
    assert found.equal["y"] == pytest.approx(1 - 1 / 10_007)
    assert judged("float32", expected, expected).failures == []


def test_what_rounding_decides_is_no_failure():
    expected = np.array([[3, 5], [7, 11]])
    actual = np.array([[3, 5], [7, 2]])
    assert judged("float32", expected, actual, ties=actual == 2).failures == []
    assert judged("float32", expected, actual, ties=actual == 5).failures != []


def test_ties_are_looked_for_only_where_values_differ():
    def never():
        raise AssertionError

    found = report("float32")
    judge_equal(found, "y", np.arange(5), np.arange(5), never)
    assert found.failures == []


@pytest.mark.parametrize("precision", ["float32", "dynamic_wi8_afp32"])
def test_a_file_must_hold_the_weights(precision):
    inputs = keras.Input((13,))
    model = keras.Model(inputs, keras.layers.Dense(17, name="y")(inputs))
    count = 13 * 17 * PRECISIONS[precision].bits // 8
    for held, fits in ((count, True), (count // 2, False), (0, False)):
        found = report(precision, held)
        judge_size(found, model)
        assert (found.failures == []) is fits
    found = report(precision, count)
    judge_size(found, model, weight_bytes=2 * 4 * 13 * 17)
    assert found.failures == [f"the file holds {count:,} bytes of weights, 442 of the model's "
                              f"need {2 * count:,}"]


def test_merged_factors_and_unread_rows_need_not_be_in_the_file():
    """One kernel of 13 by 17; LoRA's factors and the table of 211 positions are more than that."""
    inputs = keras.Input((7, 13))
    dense = keras.layers.Dense(17)
    positions = keras.layers.Embedding(211, 17)(keras.ops.arange(7))
    model = keras.Model(inputs, dense(inputs) + positions)
    dense.enable_lora(11)
    for held, fits in ((4 * 13 * 17 + 4 * 7 * 17, True), (4 * 7 * 17, False)):
        found = report("float32", held)
        judge_size(found, model)
        assert (found.failures == []) is fits
