"""`keras_seqattn.edge.check.readings`: what a model reads is found through what passes it on."""

import keras
import pytest
from keras import layers as K
from keras import ops

from keras_seqattn.edge.check.drawn import Reading
from keras_seqattn.edge.check.readings import readings

IDS = Reading(bound=11)
PADDED = Reading(bound=11, padding=0.0)


def words(name="words", dtype="int32"):
    return keras.Input((7,), dtype=dtype, name=name)


def table(**kwargs):
    return K.Embedding(11, 5, **kwargs)


def nested(x, layer, sequential):
    inner = keras.Sequential([keras.Input(x.shape[1:], dtype=x.dtype), layer]) if sequential else (
        keras.Model(i := keras.Input(x.shape[1:], dtype=x.dtype), layer(i)))
    return inner(x)


@pytest.mark.parametrize(("make", "reading"), [
    (lambda x: table()(x), IDS),
    (lambda x: table(mask_zero=True)(x), PADDED),
    (lambda x: nested(x, table(mask_zero=True), sequential=True), PADDED),
    (lambda x: nested(x, table(mask_zero=True), sequential=False), PADDED),
    (lambda x: table(mask_zero=True)(ops.cast(ops.reshape(x, (-1, 7)), "int64")), PADDED),
    (lambda x: table()(x) + K.Embedding(5, 5)(x), Reading(bound=5)),
    (lambda x: table()(x + 1), Reading()),
    (lambda x: ops.one_hot(x, 13), Reading(bound=13)),
    (lambda x: K.LSTM(3)(table()(x), mask=ops.not_equal(x, 0)), PADDED),
    (lambda x: K.LSTM(3)(table()(x), mask=x > 0), PADDED),
    (lambda x: K.LSTM(3)(table()(x), mask=x != 3), Reading(bound=11, padding=3.0)),
])
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_ids(make, reading, dtype):
    x = words(dtype=dtype)
    assert readings(keras.Model(x, make(x))) == {"words": reading}


@pytest.mark.parametrize("through", [
    lambda x: x, K.Dropout(0.5), lambda x: nested(x, K.Identity(), sequential=True)])
def test_the_value_that_masking_passes_over(through):
    x = keras.Input((7, 3), name="x")
    model = keras.Model(x, K.LSTM(3)(K.Masking(-1.0)(through(x))))
    assert readings(model) == {"x": Reading(padding=-1.0)}


@pytest.mark.parametrize(("name", "dtype", "use", "masks"), [
    ("real", "bool", lambda x, m: K.LSTM(3)(x, mask=m), True),
    ("real", "int32", lambda x, m: K.LSTM(3)(x, mask=ops.cast(m, "bool")), True),
    ("padding_mask", "int32", lambda x, m: x * ops.cast(m, "float32")[..., None], True),
    ("segment", "int32", lambda x, m: x + table()(m), False),
    ("factor", "float32", lambda x, m: x * m[..., None], False),
])
def test_what_masks_by_itself(name, dtype, use, masks):
    x, m = words(), words(name, dtype)
    found = readings(keras.Model([x, m], use(table()(x), m)))
    assert (found["words"].bound, found[name].masks) == (11, masks)


def test_a_function_tells_nothing():
    assert readings(lambda x: x) == {}


def test_nothing_of_the_model_changes():
    x = words()
    model = keras.Model(x, table(mask_zero=True, name="table")(x))
    readings(model)
    assert model.get_layer("table").input is x
