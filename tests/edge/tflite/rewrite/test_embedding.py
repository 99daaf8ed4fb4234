"""Embedding tables that shrink: the same numbers as a GATHER, in float and in integers."""

import flat
import keras
import numpy as np
import pytest

from keras_seqattn.edge.tflite.rewrite import embedding

pytestmark = pytest.mark.edge

WORDS, WIDTH = 211, 32


def _table(scale=1.0):
    layer = keras.layers.Embedding(WORDS, WIDTH)
    layer.build((1,))
    layer.set_weights([np.random.default_rng(5).normal(scale=scale, size=(WORDS, WIDTH))])
    return layer


def _ids(shape, dtype):
    return np.random.default_rng(3).integers(0, WORDS, shape).astype(dtype)


@pytest.mark.parametrize(("shape", "dtype"), [
    ((13,), "int32"), ((1, 13), "int32"), ((1, 13), "int64"), ((1, 3, 5), "int32"),
    ((), "int64")])
def test_a_table_is_looked_up_with_the_same_numbers(shape, dtype):
    layer = _table()
    before = flat.converted(layer, [layer], ids=(shape, dtype))
    after = flat.rewritten(before, embedding.rewrite)
    assert flat.ops(before)["GATHER"] == flat.ops(after)["EMBEDDING_LOOKUP"] == 1
    assert flat.ops(after)["GATHER"] == 0
    ids = _ids(shape, dtype)
    rows, = flat.runner(after)(ids=ids)
    assert rows.shape == (*shape, WIDTH)
    np.testing.assert_array_equal(rows, flat.runner(before)(ids=ids)[0])
    np.testing.assert_array_equal(rows, layer.get_weights()[0][ids])


@pytest.mark.parametrize(("precision", "bits"), [
    ("dynamic_wi8_afp32", 8), ("dynamic_wi4_afp32", 4)])
def test_a_table_shrinks_to_its_bits(precision, bits):
    """Each row has a scale, so each number is at most half a step off."""
    layer = _table()
    before = flat.converted(layer, [layer], ids=((1, 13), "int32"))
    after = flat.quantised(flat.rewritten(before, embedding.rewrite), precision)
    assert len(flat.quantised(before, precision)) > 4 * WORDS * WIDTH
    scales = 12 * WORDS                                  # a float and an int64 offset for each row
    assert len(after) < WORDS * WIDTH * bits / 8 + scales + 3000
    ids = _ids((1, 13), "int32")
    exact = layer.get_weights()[0][ids]
    step = np.abs(exact).max(-1, keepdims=True) / (2 ** (bits - 1) - 1)
    error = np.abs(flat.runner(after)(ids=ids)[0] - exact)
    assert (error <= 0.5001 * step).all()
    assert (error > 0.25 * step).any()


def test_a_table_of_many_words_shrinks_to_a_quarter():
    layer = keras.layers.Embedding(5003, 61)
    layer.build((1,))
    before = flat.converted(layer, [layer], ids=((1, 13), "int32"))
    after = flat.quantised(flat.rewritten(before, embedding.rewrite), "dynamic_wi8_afp32")
    assert len(after) < 0.31 * len(before)


def test_a_table_that_also_makes_the_logits_is_shared():
    layer = keras.layers.ReversibleEmbedding(WORDS, WIDTH)
    layer.build((1, 13))
    before = flat.converted(
        lambda ids: layer(layer(ids), reverse=True), [layer], ids=((1, 13), "int32"))
    after = flat.rewritten(before, embedding.rewrite)
    small = flat.quantised(after, "dynamic_wi8_afp32")
    assert len(small) < WORDS * WIDTH + 12 * WORDS + 3000
    ids = _ids((1, 13), "int32")
    logits, same, close = (flat.runner(each)(ids=ids)[0] for each in (before, after, small))
    np.testing.assert_array_equal(same, logits)
    assert 0 < np.abs(close - logits).max() < 0.02 * np.abs(logits).max()


def test_two_tables_and_a_name_for_each_tensor():
    from ai_edge_litert.tools import flatbuffer_utils

    words, places = _table(), _table(scale=0.3)
    before = flat.converted(
        lambda ids, at: words(ids) + places(at), [words, places],
        ids=((1, 13), "int32"), at=((1, 13), "int64"))
    after = flat.rewritten(before, embedding.rewrite)
    assert flat.ops(after)["EMBEDDING_LOOKUP"] == 2
    names = [tensor.name for tensor in
             flatbuffer_utils.convert_bytearray_to_object(after).subgraphs[0].tensors]
    assert len(set(names)) == len(names)
    ids, at = _ids((1, 13), "int32"), _ids((1, 13), "int64")[:, ::-1].copy()
    np.testing.assert_array_equal(*(
        flat.runner(each)(ids=ids, at=at)[0] for each in (before, after)))


def test_a_table_in_a_loop_is_looked_up_too():
    import tensorflow as tf

    layer = _table()

    def function(ids):
        total = tf.zeros((1, WIDTH))
        return tf.while_loop(
            lambda t, total: t < 5, lambda t, total: (t + 1, total + layer(ids + t)),
            (0, total))[1]

    before = flat.converted(function, [layer], ids=((1,), "int32"))
    after = flat.rewritten(before, embedding.rewrite)
    assert (flat.ops(after)["WHILE"], flat.ops(after)["GATHER"]) == (1, 0)
    expected = layer.get_weights()[0][17:22].sum(0, keepdims=True)
    rows, = flat.runner(after)(ids=np.array([17], "int32"))
    np.testing.assert_allclose(rows, expected, atol=1e-5)


@pytest.mark.parametrize("case", ["columns", "integers", "cubes", "computed", "batches"])
def test_other_gathers_stay(case):
    import tensorflow as tf

    layer = _table()
    table = layer.get_weights()[0]
    function = {
        "columns": lambda ids: tf.gather(table, ids, axis=1),
        "integers": lambda ids: tf.gather((100 * table).astype("int32"), ids),
        "cubes": lambda ids: tf.gather(table.reshape(WORDS, 8, 4), ids),
        "computed": lambda ids: tf.gather(table + tf.cast(ids[0], "float32"), ids),
        "batches": lambda ids: tf.gather(table[:1], ids[None], batch_dims=1),
    }[case]
    file = flat.converted(function, [layer], ids=((7,), "int32"))
    assert flat.ops(file)["GATHER"] == 1
    assert flat.rewritten(file, embedding.rewrite) is file
