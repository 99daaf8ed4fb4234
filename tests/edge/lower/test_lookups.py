"""`keras_seqattn.edge.lower.lookups`: numbers by their places."""

import keras
import numpy as np
import pytest
from keras import ops
from written import check, kinds, model_of, run_file

from keras_seqattn.edge.lower.trace import lower

pytestmark = pytest.mark.edge

K = keras.layers
SHAPE = (5, 7, 4)
IDS = np.asarray([[2, 0, -1], [1, -3, 0]], "int32")
FUNCTIONS = {
    "take": lambda x: ops.take(x, [0, -1, 2], axis=1),
    "take-2d": lambda x: ops.take(x, IDS, axis=2),
    "take-flat": lambda x: ops.take(x, [3, -1]), "take-one": lambda x: ops.take(x, 2, axis=-1),
    "repeat": lambda x: ops.repeat(x, 3, axis=1), "repeat-flat": lambda x: ops.repeat(x, 2),
    "repeat-each": lambda x: ops.repeat(x, [1, 0, 2, 1, 3], axis=1),
    "diagonal": lambda x: ops.diagonal(x, axis1=1, axis2=2),
    "diagonal-offset": lambda x: ops.diagonal(x, offset=2, axis1=1, axis2=2),
    "diagonal-below": lambda x: ops.diagonal(x, offset=-1, axis1=2, axis2=1),
    "trace": lambda x: ops.trace(x, axis1=1, axis2=2),
    "digitize": lambda x: ops.digitize(x, np.asarray([-0.5, 0.1, 0.9])),
    "search": lambda x: ops.searchsorted(np.asarray([-0.5, 0.1, 0.9], "float32"), x[0, 0, :, 0]),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_places_that_are_known(function, tmp_path):
    check(model_of(function, SHAPE), tmp_path / "x.tflite")


@pytest.mark.parametrize("axis", [0, 1, 2, None])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_computed_places_below_zero_count_from_the_end(axis, dtype, tmp_path):
    model = model_of(lambda x, ids: ops.take(x[0], ids, axis=axis), SHAPE, ((2, 3), dtype))
    check(model, tmp_path / "x.tflite", {"x0": np.arange(140, dtype="float32").reshape(1, 5, 7, 4),
                                         "x1": IDS[None].astype(dtype)}, atol=0)


@pytest.mark.parametrize(("axis", "shape"), [(1, (3, 7, 4)), (2, (5, 2, 4)), (3, (5, 7, 3)),
                                             (-1, (1, 7, 3)), (2, (5, 9, 1))])
def test_places_along_an_axis(axis, shape, tmp_path):
    ids = np.random.default_rng(5).integers(-4, 4, (1, *shape)).astype("int32")
    x = np.random.default_rng(1).normal(size=(1, *SHAPE)).astype("float32")
    model = model_of(lambda x, ids: ops.take_along_axis(x, ids, axis), SHAPE, (shape, "int32"))
    graph = check(model, tmp_path / "x.tflite", {"x0": x, "x1": ids}, atol=0)
    assert "one_hot" not in kinds(graph)


def test_known_places_along_an_axis(tmp_path):
    ids = np.asarray([[[0, 2, -1]]], "int32")
    check(model_of(lambda x: ops.take_along_axis(x, np.broadcast_to(ids, (1, 7, 3)), 2), (7, 4)),
          tmp_path / "x.tflite", atol=0)
    check(model_of(lambda x: ops.take_along_axis(x, ops.argmax(x, 1, keepdims=True), 1), (7, 4)),
          tmp_path / "y.tflite", atol=0)


@pytest.mark.parametrize("axis", [-1, 1, 0])
@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_one_hot_rows_of_places_outside_are_zeros(axis, dtype, tmp_path):
    ids = np.asarray([[0, 4, -1, 5, -3, 2, 99]], "int32")
    graph = check(model_of(lambda x: ops.one_hot(x, 5, axis=axis, dtype=dtype), ((7,), "int32")),
                  tmp_path / "x.tflite", {"x0": ids}, atol=0)
    made, = graph.run({"x0": ids}).values()
    assert np.asarray(made).astype(int).sum() == 3


def test_multi_hot_rows(tmp_path):
    check(model_of(lambda x: ops.multi_hot(x, 6), ((7,), "int32")), tmp_path / "x.tflite", atol=0)


def test_segments(tmp_path):
    model = model_of(lambda x, ids: ops.segment_sum(x[0], ids[0], num_segments=4), (7, 3),
                     ((7,), "int32"))
    check(model, tmp_path / "x.tflite", {
        "x0": np.arange(21, dtype="float32").reshape(1, 7, 3),
        "x1": np.asarray([[3, 0, 0, 3, 1, 3, 1]], "int32")})


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
def test_an_embedding(dtype, tmp_path):
    ids = np.asarray([[3, 0, 6, 1, 1]]).astype(dtype)
    graph = check(model_of(K.Embedding(7, 3), ((5,), dtype)), tmp_path / "x.tflite", {"x0": ids})
    assert "lookup" in kinds(graph)


def test_an_id_that_a_table_lacks_is_an_error(tmp_path):
    model = model_of(K.Embedding(7, 3), ((2,), "int32"))
    graph = lower(model)
    for wrong in (-1, 7):
        with pytest.raises(RuntimeError, match=r"(?i)index|bound"):
            run_file(tmp_path / "x.tflite", graph, {"x0": np.asarray([[0, wrong]], "int32")})


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("cap", [None, 0.7])
def test_an_embedding_and_its_reverse(tied, cap, tmp_path):
    layer = K.ReversibleEmbedding(11, 6, tie_weights=tied, logit_soft_cap=cap)
    model = model_of(lambda ids: layer(K.Dense(6)(layer(ids)), reverse=True), ((5,), "int32"))
    check(model, tmp_path / "x.tflite")
