"""`keras_seqattn.layers.multi_head`: laws, and Keras' and PyTorch's layers beside it."""

import inspect

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal
from keras import ops
from tolerances import FLOAT32

from keras_seqattn import borrowed
from keras_seqattn.layers import MultiHeadAttention, ScaledDotProductAttention
from keras_seqattn.testing import check_error, check_layer

# The softmax is blind to what all keys share, so the key bias has no gradient.
UNMOVED = ("key/bias",)
BACKEND = keras.backend.backend()
KERAS_315 = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 15)


@pytest.mark.parametrize(("kwargs", "output_dim", "num_weights"), [
    ({"num_heads": 3, "key_dim": 5}, 11, 8),
    ({"num_heads": 3, "key_dim": 5, "value_dim": 2, "use_bias": False, "dropout": 0.5}, 11, 4),
    ({"num_heads": 6, "key_dim": 5, "num_kv_heads": 2, "use_gate": True, "output_shape": 13,
      "sliding_window": 3, "seed": 3}, 13, 10),
])
def test_multi_head_contract(kwargs, output_dim, num_weights):
    check_layer(MultiHeadAttention, kwargs, (2, 7, 11), (2, 7, output_dim), num_weights,
                num_inputs=2, unmoved=UNMOVED)


@pytest.mark.parametrize("with_scores", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_query_that_may_read_nothing_gets_zeros(rng, with_scores, dropout):
    x = normal(rng, 2, 5, 11)
    mask = np.ones((2, 5, 5), bool)
    mask[1, 3] = False
    layer = MultiHeadAttention(3, 7, dropout=dropout)
    output = layer(x, x, attention_mask=mask, return_attention_scores=with_scores)
    if with_scores:
        output, scores = output
        assert not array(scores)[1, :, 3].any()
        assert_close(ops.sum(scores, -1)[0], np.ones((3, 5)))
    assert not array(output)[1, 3].any()
    assert array(output)[1, 2].any()


def test_gradients_stay_finite_where_nothing_may_be_read(rng):
    inputs = keras.Input((5, 11))
    mask = np.ones((5, 5), bool)
    mask[2] = False
    layer = MultiHeadAttention(3, 7)
    model = keras.Model(inputs, layer(inputs, inputs, attention_mask=ops.convert_to_tensor(mask)))
    model.compile("sgd", "mse")
    model.fit(normal(rng, 2, 5, 11), normal(rng, 2, 5, 11), verbose=0)
    assert all(np.isfinite(array(weight)).all() for weight in model.weights)


@pytest.mark.parametrize("kwargs", [{}, {"num_kv_heads": 1}, {"dropout": 0.3}])
@pytest.mark.parametrize("call", [{}, {"use_causal_mask": True}])
def test_same_numbers_with_and_without_scores(rng, kwargs, call):
    query, value = normal(rng, 2, 5, 11), normal(rng, 2, 13, 11)
    layer = MultiHeadAttention(4, 7, **kwargs)
    plain = layer(query, value, **call)
    assert_close(layer(query, value, return_attention_scores=True, **call)[0], plain)
    assert_close(layer(query, value, training=False, **call), plain)


@pytest.mark.parametrize("call", [{}, {"return_attention_scores": True}])
def test_causal_never_reads_the_future(rng, call):
    layer = MultiHeadAttention(2, 3)
    x = normal(rng, 1, 7, 5)
    y = x.copy()
    y[:, 4:] += 10.0
    before, after = (layer(each, each, use_causal_mask=True, **call) for each in (x, y))
    before, after = (each[0] if call else each for each in (before, after))
    assert_close(before[:, :4], after[:, :4])
    assert np.abs(array(before)[:, 4:] - array(after)[:, 4:]).max() > 0.1


@pytest.mark.parametrize("chunk", [1, 2, 3])
@pytest.mark.parametrize("window", [None, 3])
def test_decoding_over_a_cache_equals_the_full_pass(rng, chunk, window):
    layer = MultiHeadAttention(4, 3, num_kv_heads=2, sliding_window=window)
    x = normal(rng, 2, 7, 5)
    full = layer(x, x, use_causal_mask=True)
    for end in range(chunk, 8):
        step = layer(x[:, end - chunk:end], x[:, :end], use_causal_mask=True)
        assert_close(step, full[:, end - chunk:end])


@pytest.mark.parametrize("call", [{}, {"return_attention_scores": True}])
def test_padding_cannot_change_real_tokens(rng, call):
    layer = MultiHeadAttention(2, 3)
    x = normal(rng, 3, 7, 5)
    mask = np.arange(7)[None] < np.array([[7], [4], [1]])
    padded = layer(x, x, query_mask=mask, value_mask=mask, **call)
    padded = padded[0] if call else padded
    for example, length in enumerate((7, 4, 1)):
        alone = x[example:example + 1, :length]
        assert_close(padded[example:example + 1, :length], layer(alone, alone))


def test_masks_of_keras_are_read_and_passed_on():
    tokens = np.array([[5, 3, 0, 0], [2, 4, 6, 0]])
    x = keras.layers.Embedding(7, 5, mask_zero=True)(tokens)
    layer = MultiHeadAttention(2, 3)
    output = layer(x, x)
    np.testing.assert_array_equal(array(borrowed.mask_of(output)), tokens != 0)
    bare = array(x)
    assert_close(output, layer(bare, bare, query_mask=tokens != 0, value_mask=tokens != 0))


def test_key_mask_counts(rng):
    query, value, key = normal(rng, 1, 3, 5), normal(rng, 1, 7, 5), normal(rng, 1, 7, 5)
    layer = MultiHeadAttention(2, 3)
    mask = np.arange(7)[None] < 4
    assert_close(layer(query, value, key, key_mask=mask), layer(query, value[:, :4], key[:, :4]))


def test_order_of_the_keys_does_not_matter(rng):
    query, value, order = normal(rng, 2, 3, 5), normal(rng, 2, 7, 5), rng.permutation(7)
    layer = MultiHeadAttention(2, 3)
    assert_close(layer(query, value), layer(query, value[:, order]))


def test_multi_query_is_every_head_reading_one(rng):
    """Grouped heads equal full attention whose key and value heads are repeated."""
    grouped, full = MultiHeadAttention(4, 3, num_kv_heads=2), MultiHeadAttention(4, 3)
    query, value = normal(rng, 2, 5, 11), normal(rng, 2, 7, 11)
    grouped(query, value)
    full(query, value)
    weights = [np.repeat(array(w), 2, axis=-2) if w.path.split("/")[-2] in ("key", "value")
               else array(w) for w in grouped.weights]
    full.set_weights(weights)
    assert_close(grouped(query, value), full(query, value))


def test_an_axis_of_heads_in_the_mask(rng):
    query, value = normal(rng, 2, 5, 11), normal(rng, 2, 7, 11)
    mask = rng.random((2, 3, 5, 7)) < 0.5
    _, scores = MultiHeadAttention(3, 2)(
        query, value, attention_mask=mask, return_attention_scores=True)
    assert not array(scores)[~mask].any()
    assert (array(scores)[mask] > 0).all()


@pytest.mark.parametrize("with_scores", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_float16_extremes_stay_finite(with_scores, causal):
    largest = np.full((1, 2, 5, 64), 65504.0, "float16")
    largest[:, :, ::2] *= -1
    mask = np.ones((5, 5), bool)
    mask[1] = False
    for inputs, layer in ((largest, ScaledDotProductAttention(dtype="float16")),
                          (largest[:, 0], MultiHeadAttention(2, 32, dtype="float16"))):
        output = layer(inputs, inputs, attention_mask=mask, use_causal_mask=causal,
                       return_attention_scores=with_scores)
        for each in keras.tree.flatten(output):
            assert np.isfinite(array(each)).all()


KERAS_ARGUMENTS = [
    {}, {"use_bias": False}, {"output_shape": (3, 2)}, {"dropout": 0.2},
    pytest.param({"value_dim": 5}, marks=pytest.mark.skipif(
        BACKEND == "jax", reason="Keras' own layer fails on JAX where value_dim differs")),
    pytest.param({"sliding_window": 2}, marks=pytest.mark.skipif(
        not KERAS_315, reason="Keras' layer has no sliding window yet")),
    pytest.param({"use_gate": True}, marks=pytest.mark.skipif(
        not KERAS_315, reason="Keras' layer has no gate yet")),
]


def _twins(kwargs, *shapes):
    """Keras' layer and ours with the same weights, none of them zero, built for the shapes."""
    theirs = keras.layers.MultiHeadAttention(3, 7, **kwargs)
    ours = MultiHeadAttention(3, 7, **kwargs)
    rng = np.random.default_rng(3)
    theirs.build(*shapes)
    ours.build(*shapes)
    theirs.set_weights([normal(rng, *w.shape) for w in theirs.weights])
    ours.set_weights(theirs.get_weights())
    return theirs, ours


@pytest.mark.parametrize("kwargs", KERAS_ARGUMENTS)
@pytest.mark.parametrize("call", [
    {}, {"use_causal_mask": True}, {"return_attention_scores": True}, {"masked": True},
    {"masked": True, "return_attention_scores": True}])
def test_same_as_keras_layer(rng, kwargs, call):
    theirs, ours = _twins(kwargs, (2, 5, 11), (2, 5, 13))
    query, value, call = normal(rng, 2, 5, 11), normal(rng, 2, 5, 13), dict(call)
    if call.pop("masked", False):
        call["attention_mask"] = np.tril(rng.random((2, 5, 5)) < 0.5) | np.eye(5, dtype=bool)
    for expected, actual in zip(keras.tree.flatten(theirs(query, value, **call)),
                                keras.tree.flatten(ours(query, value, **call)), strict=True):
        assert_close(actual, expected, atol=5 * FLOAT32)


@pytest.mark.parametrize("axes", [None, (1,), (2,), (1, 2), (-2,)])
def test_same_as_keras_layer_over_other_axes(rng, axes):
    theirs, ours = _twins({"attention_axes": axes}, (2, 5, 4, 11), (2, 5, 4, 11))
    x = normal(rng, 2, 5, 4, 11)
    for expected, actual in zip(theirs(x, x, return_attention_scores=True),
                                ours(x, x, return_attention_scores=True), strict=True):
        assert_close(actual, expected, atol=5 * FLOAT32)


def test_weights_of_keras_have_the_same_names_and_order():
    theirs, ours = _twins({}, (2, 5, 11), (2, 7, 13))
    assert [(w.path.split("/", 1)[1], w.shape) for w in ours.weights] == [
        (w.path.split("/", 1)[1], w.shape) for w in theirs.weights]


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_weight_file_of_a_keras_model_loads_after_the_swap(rng, tmp_path, dropout):
    def build(layer):
        x = inputs = keras.Input((5, 11))
        for _ in range(2):
            x = keras.layers.LayerNormalization()(x + layer(3, 7, dropout=dropout)(x, x))
        return keras.Model(inputs, x)

    theirs, ours = build(keras.layers.MultiHeadAttention), build(MultiHeadAttention)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    x = normal(rng, 2, 5, 11)
    assert_close(ours(x), theirs(x))


def test_every_argument_of_keras_layer_has_its_place():
    theirs, ours = (list(inspect.signature(layer.__init__).parameters)
                    for layer in (keras.layers.MultiHeadAttention, MultiHeadAttention))
    if KERAS_315:
        assert ours[:len(theirs) - 1] == theirs[:-1]
    assert set(theirs) <= set(ours)
    theirs, ours = (list(inspect.signature(layer.call).parameters)
                    for layer in (keras.layers.MultiHeadAttention, MultiHeadAttention))
    assert ours == [*theirs, "attention_bias"]


@pytest.mark.parametrize("shape", [(5, 13), (2, 5, 13), (2, 3, 5, 13)])
def test_a_bias_far_below_all_logits_is_a_mask(rng, shape):
    layer, query, value = MultiHeadAttention(3, 7), normal(rng, 2, 5, 11), normal(rng, 2, 13, 11)
    allowed = rng.random(shape) < 0.6
    allowed[..., 0] = True
    masked = layer(query, value, attention_mask=allowed)
    assert_close(layer(query, value, attention_bias=(allowed - 1.0) * 1e9), masked)


def test_symbolic_scores_have_the_shape_of_the_eager_ones():
    layer = MultiHeadAttention(3, 7)
    query, value = keras.KerasTensor((None, 5, 11)), keras.KerasTensor((None, 13, 11))
    _, scores = layer(query, value, return_attention_scores=True)
    assert tuple(scores.shape) == (None, 3, 5, 13)
    _, scores = MultiHeadAttention(4, 7, num_kv_heads=1)(
        keras.KerasTensor((None, None, 11)), value, return_attention_scores=True,
        use_causal_mask=True)
    assert tuple(scores.shape) == (None, 4, None, 13)


@pytest.mark.parametrize("case", ["nomask", "padding", "bool_mask", "bool_mask_3d"])
def test_same_as_torch_layer(goldens, case):
    """Packed projections of `torch.nn.MultiheadAttention`; its masks mark what is hidden."""
    safetensors = pytest.importorskip("safetensors.numpy")
    folder = goldens / "torch_mha" / "packed"
    weights = safetensors.load_file(folder / "model.safetensors")
    with np.load(folder / "io.npz", allow_pickle=False) as arrays:
        io = {key: arrays[key] for key in arrays.files}
    layer = MultiHeadAttention(4, 8)
    layer.build(io["query"].shape, io["value"].shape, io["key"].shape)
    projections = np.split(weights["in_proj_weight"], 3)
    biases = np.split(weights["in_proj_bias"], 3)
    split = [part for w, b in zip(projections, biases, strict=True)
             for part in (w.T.reshape(32, 4, 8), b.reshape(4, 8))]
    layer.set_weights([*split, weights["out_proj.weight"].T.reshape(4, 8, 32),
                       weights["out_proj.bias"]])
    call = {} if case == "nomask" else {"value_mask": ~io["key_padding_mask"]}
    if case == "bool_mask":
        call["attention_mask"] = ~io["attn_mask_bool"]
    elif case == "bool_mask_3d":
        call["attention_mask"] = ~io["attn_mask_bool_3d"].reshape(2, 4, 6, 6)
    output, scores = layer(
        io["query"], io["value"], io["key"], return_attention_scores=True, **call)
    assert_close(output, io[f"output_{case}"])
    assert_close(scores, io[f"weights_{case}"])


@pytest.mark.parametrize(("kwargs", "kind", "received"), [
    ({"num_heads": 0}, ValueError, {"num_heads": 0}),
    ({"num_heads": 2.5}, TypeError, {"num_heads": 2.5}),
    ({"key_dim": -3}, ValueError, {"key_dim": -3}),
    ({"value_dim": 0}, ValueError, {"value_dim": 0}),
    ({"num_kv_heads": 4}, ValueError, {"num_heads": 6, "num_kv_heads": 4}),
    ({"dropout": 1.0}, ValueError, {"dropout": 1.0}),
    ({"dropout": -0.1}, ValueError, {"dropout": -0.1}),
    ({"dropout": "a lot"}, TypeError, {"dropout": "a lot"}),
    ({"sliding_window": 0}, ValueError, {"sliding_window": 0}),
    ({"flash_attention": True, "dropout": 0.1}, ValueError, {"dropout": 0.1}),
    ({"attention_axes": 1.5}, TypeError, {"attention_axes": 1.5}),
])
def test_wrong_arguments(kwargs, kind, received):
    check_error(lambda: MultiHeadAttention(**{"num_heads": 6, "key_dim": 5, **kwargs}), kind,
                **received)


CALLS = ({}, {"return_attention_scores": True}, {"use_causal_mask": True})


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("value", "key"), [
    ((2, 3, 8), (2, 1, 8)), ((2, 1, 8), (2, 3, 8)), ((2, 3, 8), (1, 3, 8)),
    ((2, 3, 8), (2, 4, 8)), ((1, 3, 8), (1, 3, 8)), ((5, 3, 8), (5, 3, 8))])
def test_no_shapes_broadcast_by_chance(call, value, key, rng):
    """Also where the layer is built already, and where the shape of the output is asked."""
    query = (2, 4, 8)
    fresh, built = MultiHeadAttention(4, 2), MultiHeadAttention(4, 2)
    built(np.ones(query, "float32"), np.ones((2, 3, 8), "float32"))
    for layer in (fresh, built):
        check_error(lambda layer=layer: layer(*(normal(rng, *each) for each in (
            query, value, key)), **call), value_shape=value, key_shape=key)
    check_error(lambda: fresh.compute_output_shape(query, value, key), value_shape=value)


@pytest.mark.parametrize("name", ["query_mask", "value_mask", "key_mask"])
def test_masks_of_other_lengths(name, rng):
    layer, x = MultiHeadAttention(2, 3), normal(rng, 2, 5, 7)
    for shape in ((2, 1), (2, 4), (3, 5)):
        check_error(lambda shape=shape: layer(x, x, **{name: np.ones(shape, bool)}),
                    **{f"{name}_shape": shape})


def test_a_mask_or_bias_of_scores_that_fits_no_longer_at_a_second_call(rng):
    layer, x = MultiHeadAttention(2, 3), normal(rng, 2, 5, 7)
    layer(x, x, attention_mask=np.ones((5, 5), bool))
    for name in ("attention_mask", "attention_bias"):
        check_error(lambda name=name: layer(x, x, **{name: np.ones((5, 4), "float32")}),
                    **{f"{name}_shape": (5, 4)})
    deep, y = MultiHeadAttention(2, 3), normal(rng, 2, 5, 3, 7)
    check_error(lambda: deep(y, y, attention_mask=np.ones((2, 5, 3, 5, 4), bool)))


def test_masks_and_a_bias_may_be_lists(rng):
    layer, x = MultiHeadAttention(2, 3), normal(rng, 2, 2, 7)
    lists = {"attention_mask": [[True, False], [True, True]], "value_mask": [[True, True]] * 2,
             "query_mask": [[True, True]] * 2, "key_mask": [[True, False], [True, True]],
             "attention_bias": [[0.0, 1.0], [2.0, 0.0]]}
    arrays = {name: np.array(given) for name, given in lists.items()}
    assert_close(layer(x, x, **lists), layer(x, x, **arrays))
    dot, heads = ScaledDotProductAttention(), normal(rng, 2, 3, 2, 7)
    del lists["attention_bias"], arrays["attention_bias"]
    assert_close(dot(heads, heads, **lists), dot(heads, heads, **arrays))


def test_a_bias_of_minus_infinity_forbids(rng):
    layer, x = MultiHeadAttention(2, 3, bias_initializer="ones"), normal(rng, 2, 5, 7)
    bias, mask = normal(rng, 5, 5), np.tri(5, k=-1, dtype=bool)         # query 0 reads nothing
    forbidding = np.where(mask, bias, -np.inf)
    found, scores = layer(x, x, attention_bias=forbidding, return_attention_scores=True)
    wanted, _ = layer(x, x, attention_bias=bias, attention_mask=mask, return_attention_scores=True)
    assert_close(found, wanted)
    assert_close(found[:, 0], np.ones((2, 7)))                          # the output's bias
    assert_close(np.sum(array(scores), -1)[:, :, 0], np.zeros((2, 2)))
    assert_close(layer(x, x, attention_bias=forbidding), wanted)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the others have kernels")
def test_a_flash_kernel_that_is_not_there_is_not_passed_over():
    x = np.ones((1, 2, 3), "float32")
    layer = MultiHeadAttention(2, 8, flash_attention=True)
    check_error(lambda: layer(x, x), backend="tensorflow")
    heads = np.ones((1, 2, 3, 5), "float32")
    check_error(lambda: ScaledDotProductAttention(flash_attention=True)(heads, heads),
                backend="tensorflow")


def test_a_flash_kernel_gives_no_scores():
    x = np.ones((1, 2, 3), "float32")
    layer = MultiHeadAttention(2, 8, flash_attention=True)
    check_error(lambda: layer(x, x, return_attention_scores=True), return_attention_scores=True)
    check_error(lambda: layer(x, x, attention_bias=np.zeros((2, 2), "float32")),
                attention_bias=True)
