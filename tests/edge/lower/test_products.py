"""`keras_seqattn.edge.lower.products`: products of matrices, and attention made of them."""

import keras
import numpy as np
import pytest
from keras import ops
from written import check, kinds, model_of

pytestmark = pytest.mark.edge

K = keras.layers
KERNEL = np.random.default_rng(2).normal(size=(4, 3)).astype("float32")
MATMULS = [((5, 4), (4, 3)), ((2, 5, 4), (4, 3)), ((2, 5, 4), (1, 4, 3)), ((2, 3, 5, 4), (3, 4, 2)),
           ((4,), (4,)), ((2, 1, 3, 5, 4), (2, 2, 1, 4, 3))]
EINSUMS = {
    "rows": ("bij,bjk->bik", [(5, 4), (4, 3)]), "keys": ("bqd,bkd->bqk", [(5, 4), (3, 4)]),
    "heads": ("btnh,bsnh->bnts", [(5, 2, 4), (3, 2, 4)]),
    "values": ("bnts,bsnh->btnh", [(2, 5, 3), (3, 2, 4)]),
    "hadamard": ("bij,bij->bij", [(5, 4), (5, 4)]), "outer": ("bi,bj->bij", [(5,), (4,)]),
    "sum": ("bij,bij->b", [(5, 4), (5, 4)]),
    "ellipsis": ("...ij,...jk->...ik", [(2, 5, 4), (2, 4, 3)]),
    "implicit": ("bij,bjk", [(5, 4), (4, 3)]), "one": ("bij->bji", [(5, 4)]),
    "reduce": ("bij->bj", [(5, 4)]), "three": ("bij,bjk,bkl->bil", [(5, 4), (4, 3), (3, 2)]),
    "broadcast": ("bhwc,bhkc->bhwk", [(5, 4, 6), (5, 3, 6)]),
    "rank-5": ("bhwnc,bhxnc->bhnwx", [(3, 4, 2, 5), (3, 6, 2, 5)]),
}


@pytest.mark.parametrize(("first", "second"), MATMULS, ids=str)
def test_matmul(first, second, tmp_path):
    if len(first) == 1:
        check(model_of(lambda a, b: ops.matmul(a[0], b[0]), first, second), tmp_path / "x.tflite")
    else:
        check(model_of(lambda a, b: ops.matmul(a, b), first, (second)), tmp_path / "x.tflite")


@pytest.mark.parametrize(("subscripts", "shapes"), EINSUMS.values(), ids=EINSUMS)
def test_einsum(subscripts, shapes, tmp_path):
    check(model_of(lambda *x: ops.einsum(subscripts, *x), *shapes), tmp_path / "x.tflite")


@pytest.mark.parametrize("function", [
    lambda x: ops.matmul(x, KERNEL), lambda x: ops.einsum("bij,jk->bik", x, KERNEL),
    lambda x: ops.dot(x, KERNEL), lambda x: ops.tensordot(x, KERNEL, axes=1), lambda x: x @ KERNEL,
    lambda x: ops.einsum("jk,bij->bki", KERNEL, x),
    lambda x: ops.tensordot(x, KERNEL, axes=[[2], [0]]), lambda x: ops.inner(x, KERNEL.T),
])
def test_a_constant_matrix_is_a_dense_layer(function, tmp_path):
    graph = check(model_of(function, (5, 4)), tmp_path / "x.tflite")
    assert "dense" in kinds(graph)
    assert "matmul" not in kinds(graph)


@pytest.mark.parametrize("function", [
    lambda x: ops.matmul(KERNEL.T, ops.transpose(x, (0, 2, 1))),
    lambda x: ops.outer(x[0, 0], x[0, 1]), lambda x: ops.dot(x, x[0, 0]),
    lambda x: ops.matmul(ops.cast(x * 9, "int32"), np.arange(12, dtype="int32").reshape(4, 3)),
])
def test_other_products(function, tmp_path):
    check(model_of(function, (5, 4)), tmp_path / "x.tflite")


@pytest.mark.parametrize(("equation", "output", "bias"), [
    ("abc,cd->abd", (None, 7), "d"), ("abc,cde->abde", (None, 3, 2), "de"),
    ("abc,bcd->abd", (5, 3), "bd"), ("abc,cd->abd", (None, 7), None), ("abc,bd->adc", (3, 4), None),
])
def test_einsum_dense(equation, output, bias, tmp_path):
    layer = K.EinsumDense(equation, output_shape=output, bias_axes=bias, activation="gelu")
    check(model_of(layer, (5, 4)), tmp_path / "x.tflite")


@pytest.mark.parametrize("layer", [
    K.Dot(axes=(2, 2)), K.Dot(axes=(2, 2), normalize=True), K.Dot(axes=(1, 1)), K.Dot(axes=-1)],
    ids=lambda layer: layer.name)
def test_dot(layer, tmp_path):
    check(model_of(lambda a, b: layer([a, b]), (5, 4), (5, 4)), tmp_path / "x.tflite")


ATTENTION = {
    "plain": lambda: K.Attention(), "scaled": lambda: K.Attention(use_scale=True),
    "concat": lambda: K.Attention(use_scale=True, score_mode="concat", dropout=0.2),
    "additive": lambda: K.AdditiveAttention(), "additive-bare": lambda: K.AdditiveAttention(
        use_scale=False)}


@pytest.mark.parametrize("layer", ATTENTION.values(), ids=ATTENTION)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_without_projections(layer, causal, masked, tmp_path):
    def function(query, value, *mask):
        return layer()([query, value], mask=[None, mask[0]] if masked else None,
                       return_attention_scores=True, use_causal_mask=causal)
    specs = [(5, 4), (7, 4)] + ([((7,), "bool")] if masked else [])
    model = model_of(function, *specs)
    inputs = {"x0": np.random.default_rng(1).normal(size=(1, 5, 4)).astype("float32"),
              "x1": np.random.default_rng(2).normal(size=(1, 7, 4)).astype("float32"),
              "x2": np.asarray([[True, True, False, True, False, False, True]])}
    check(model, tmp_path / "x.tflite", {each.name: inputs[each.name] for each in model.inputs})


HEADS = {
    "many": lambda: K.MultiHeadAttention(2, 3), "wide": lambda: K.MultiHeadAttention(2, 3, 5),
    "other-size": lambda: K.MultiHeadAttention(2, 3, output_shape=7),
    "bare": lambda: K.MultiHeadAttention(2, 3, use_bias=False),
    "grouped": lambda: K.GroupQueryAttention(3, 4, 2),
    "one": lambda: K.GroupQueryAttention(3, 4, 1),
}


@pytest.mark.parametrize("layer", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("scores", [False, True])
@pytest.mark.parametrize("masked", [None, "explicit", "padding"])
def test_attention_with_heads(layer, scores, masked, tmp_path):
    mask = np.asarray([[True, True, False, True, False, False, True]])
    full = np.random.default_rng(3).random((1, 5, 7)) < 0.6
    full[0, 2] = False                                  # this query may read nothing

    def function(query, value, *given):
        options = {"explicit": {"attention_mask": given and given[0]},
                   "padding": {"value_mask": given and given[0]}}.get(masked, {})
        return layer()(query, value, return_attention_scores=scores, **options)

    more = {"explicit": [((5, 7), "bool")], "padding": [((7,), "bool")]}.get(masked, [])
    model = model_of(function, (5, 6), (7, 6), *more)
    rng = np.random.default_rng(4)
    inputs = {"x0": rng.normal(size=(1, 5, 6)).astype("float32"),
              "x1": rng.normal(size=(1, 7, 6)).astype("float32"),
              "x2": full if masked == "explicit" else mask}
    graph = check(model, tmp_path / "x.tflite", {
        each.name: inputs[each.name] for each in model.inputs})
    assert "where" not in kinds(graph)


def test_attention_of_padded_tokens(tmp_path):
    def function(ids):
        x = K.Embedding(11, 6, mask_zero=True)(ids)
        x = K.LayerNormalization()(x + K.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True))
        return K.GlobalAveragePooling1D()(x)
    check(model_of(function, ((7,), "int32")), tmp_path / "x.tflite",
          {"x0": np.asarray([[3, 4, 1, 9, 0, 0, 0]], "int32")})
