"""`keras_seqattn.edge.lower.reductions`: many numbers as few."""

import keras
import numpy as np
import pytest
from keras import ops
from written import check, kinds, model_of

pytestmark = pytest.mark.edge

K = keras.layers
SHAPE = (5, 7, 4)
NAMES = ["sum", "mean", "max", "min", "prod", "any", "all", "var", "std", "amax", "amin", "ptp"]
AXES = [None, 1, -1, (1, 2), (2, -1)]
NORMS = [None, 0, 1, 2, 3.5, float("inf"), float("-inf")]
MATRIX_NORMS = [None, "fro", 1, -1, float("inf"), float("-inf")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(name, axis, keepdims, tmp_path):
    function = getattr(ops, name)
    check(model_of(lambda x: function(x > -1.5 if name in ("any", "all") else x, axis=axis,
                                      keepdims=keepdims), SHAPE), tmp_path / "x.tflite")


@pytest.mark.parametrize("name", ["sum", "max", "min", "mean", "prod"])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_reductions_of_integers(name, dtype, tmp_path):
    check(model_of(lambda x: getattr(ops, name)(x, axis=-1), ((5, 3), dtype)),
          tmp_path / "x.tflite")


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_logarithms_of_sums(axis, tmp_path):
    check(model_of(lambda x: ops.logsumexp(x, axis=axis), SHAPE), tmp_path / "x.tflite")


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, axis, tmp_path):
    check(model_of(lambda x: getattr(ops, name)(x, axis=axis), SHAPE), tmp_path / "x.tflite")


def test_softmax_of_logits_that_are_minus_infinity(tmp_path):
    x = np.asarray([[[0, -np.inf, 1], [-np.inf, -np.inf, 3], [1, 2, 3]]], "float32")
    check(model_of(ops.softmax, (3, 3)), tmp_path / "x.tflite", {"x0": x})


def test_softmax_of_a_row_without_any_is_no_number_as_in_keras(tmp_path):
    x = np.full((1, 2, 3), -np.inf, "float32")
    check(model_of(ops.softmax, (2, 3)), tmp_path / "x.tflite", {"x0": x})


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("axis", [None, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_of_equal_numbers_the_first_is_named(name, axis, keepdims, tmp_path):
    x = np.asarray([[[1, 3, 3, 0, 3, 0], [2, 2, 2, 2, 2, 2], [0, 5, 1, 5, 0, 0]]], "float32")
    check(model_of(lambda x: getattr(ops, name)(x, axis=axis, keepdims=keepdims), (3, 6)),
          tmp_path / "x.tflite", {"x0": x})


@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_the_place_of_the_largest_integer(dtype, tmp_path):
    x = np.asarray([[[0, 1, 1], [0, 0, 0]]]).astype(dtype)
    check(model_of(lambda x: ops.argmax(x, -1), ((2, 3), dtype)), tmp_path / "x.tflite", {"x0": x})


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_the_largest_with_ties(dtype, tmp_path):
    x = np.asarray([[[1, 3, 3, 0, 3, 0, -1], [2, 2, 2, 2, 2, 2, 2]]]).astype(dtype)
    check(model_of(lambda x: ops.top_k(x, 4), ((2, 7), dtype)), tmp_path / "x.tflite", {"x0": x})


@pytest.mark.parametrize("axis", [None, 1, -1])
@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_running_sums(axis, dtype, tmp_path):
    check(model_of(lambda x: ops.cumsum(x, axis=axis), ((5, 3), dtype)), tmp_path / "x.tflite")


@pytest.mark.parametrize("order", NORMS, ids=str)
def test_norms_of_vectors(order, tmp_path):
    check(model_of(lambda x: ops.norm(x, ord=order, axis=2), SHAPE), tmp_path / "x.tflite")


@pytest.mark.parametrize("order", MATRIX_NORMS, ids=str)
@pytest.mark.parametrize("axis", [(1, 2), (3, 1)], ids=str)
def test_norms_of_matrices(order, axis, tmp_path):
    check(model_of(lambda x: ops.norm(x, ord=order, axis=axis), SHAPE), tmp_path / "x.tflite")


@pytest.mark.parametrize("function", [
    lambda x: ops.max(x, axis=1, initial=0.5), lambda x: ops.count_nonzero(x > 0, axis=1),
    lambda x: ops.average(x, axis=1),
    lambda x: ops.average(x, axis=2, weights=np.arange(7, dtype="float32") + 1),
    lambda x: ops.diff(x, axis=1), lambda x: ops.diff(x, n=2, axis=2), lambda x: ops.vdot(x, x),
    lambda x: ops.moments(x, axes=[1, 2]),
])
def test_other_reductions(function, tmp_path):
    check(model_of(function, SHAPE), tmp_path / "x.tflite", atol=1e-4)


@pytest.mark.parametrize("layer", [
    K.GlobalAveragePooling1D(), K.GlobalAveragePooling1D(keepdims=True), K.GlobalMaxPooling1D(),
    K.GlobalAveragePooling1D("channels_first"), K.GlobalMaxPooling1D("channels_first")],
    ids=str)
def test_global_pooling_of_tokens(layer, tmp_path):
    check(model_of(layer, (7, 4)), tmp_path / "x.tflite")


def test_a_mean_of_what_a_mask_leaves(tmp_path):
    def function(ids):
        return K.GlobalAveragePooling1D()(K.Embedding(7, 3, mask_zero=True)(ids))
    check(model_of(function, ((5,), "int32")), tmp_path / "x.tflite",
          {"x0": np.asarray([[3, 1, 6, 0, 0]], "int32")})


def test_a_mean_of_tokens_is_a_mean_of_tokens(tmp_path):
    assert kinds(check(model_of(lambda x: ops.mean(x, 1), (7, 4)), tmp_path / "x.tflite")) == [
        "mean"]
