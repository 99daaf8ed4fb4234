"""`keras_seqattn.layers.captioner`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal
from compiled import check_gradients, on_tensorflow
from keras import ops
from tolerances import FLOAT32

from keras_seqattn.layers import LSTMCaptioner
from keras_seqattn.testing import check_error, check_layer

TOKENS = np.array([[1, 7, 4, 0, 0], [1, 12, 5, 9, 3]], "int32")
SIZES = {"vocab_size": 13, "embed_dim": 3, "units": 5}


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@keras.saving.register_keras_serializable(package="tests")
class OfOneCaption(LSTMCaptioner):
    """The layer as one of features alone, as the contract calls it."""

    def build(self, features_shape):
        super().build(features_shape)

    def call(self, features, training=None):
        tokens = ops.broadcast_to(ops.array(TOKENS[1:, :3]), (ops.shape(features)[0], 3))
        return super().call(features, tokens, training=training)

    def compute_output_shape(self, features_shape):
        return (features_shape[0], 3, self.vocab_size)


@pytest.mark.parametrize(("kwargs", "num_weights"), [
    ({**SIZES, "attention_penalty": 0.1, "dropout": 0.1, "scheduled_sampling": 0.5, "seed": 3}, 18),
    ({**SIZES, "attention": False}, 8),
])
def test_contract(kwargs, num_weights):
    check_layer(OfOneCaption, kwargs, (2, 7, 4), (2, 3, 13), num_weights, keeps_mask=False)


def _weights(layer):
    return {weight.path.split("/", 1)[-1]: array(weight) for weight in layer.weights}


def _lstm(w, x, hidden, cell):
    """Hochreiter & Schmidhuber 1997, with forget gate; Keras' order of gates: i, f, c, o."""
    z = x @ w["lstm/kernel"] + hidden @ w["lstm/recurrent_kernel"] + w["lstm/bias"]
    i, f, c, o = np.split(z, 4, axis=-1)
    cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(c)
    return _sigmoid(o) * np.tanh(cell), cell


def test_show_attend_and_tell_by_the_papers_equations(rng):
    """Xu et al. 2015, equations 1 to 7 and 4.2.1, in NumPy."""
    layer, features = LSTMCaptioner(**SIZES, attention_dim=2), normal(rng, 2, 7, 4)
    logits, scores = layer(features, TOKENS[1:].repeat(2, 0), return_attention_scores=True)
    w = _weights(layer)
    mean = features.mean(1)
    hidden = np.tanh(mean @ w["hidden/kernel"] + w["hidden/bias"])
    cell = np.tanh(mean @ w["cell/kernel"] + w["cell/bias"])
    for t, token in enumerate(TOKENS[1]):
        query = hidden @ w["query/kernel"] + w["query/bias"]
        e = np.tanh(features @ w["key/kernel"] + query[:, None]) @ w["compare/scale"]
        alpha = np.exp(e) / np.exp(e).sum(-1, keepdims=True)
        gate = _sigmoid(hidden @ w["gate/kernel"] + w["gate/bias"])
        context = gate * np.einsum("bs,bsd->bd", alpha, features)
        word = np.repeat(w["embedding/embeddings"][token][None], 2, 0)
        hidden, cell = _lstm(w, np.concatenate([word, context], -1), hidden, cell)
        deep = word + hidden @ w["from_state/kernel"] + context @ w["from_context/kernel"]
        expected = deep @ w["logits/kernel"] + w["logits/bias"]
        assert_close(logits[:, t], expected)
        assert_close(scores[:, t], alpha)


def test_show_and_tell_by_the_papers_equations(rng):
    """Vinyals et al. 2015, equations 10 to 12: the picture is read once, before the words."""
    layer, features = LSTMCaptioner(**SIZES, attention=False), normal(rng, 1, 7, 4)
    logits = layer(features, TOKENS[1:])
    w = _weights(layer)
    zero = np.zeros((1, 5))
    hidden, cell = _lstm(w, features.mean(1) @ w["image/kernel"] + w["image/bias"], zero, zero)
    for t, token in enumerate(TOKENS[1]):
        hidden, cell = _lstm(w, w["embedding/embeddings"][token][None], hidden, cell)
        assert_close(logits[:, t], hidden @ w["logits/kernel"] + w["logits/bias"])


@pytest.mark.parametrize("attention", [True, False])
def test_steps_are_the_columns_of_the_call(rng, attention):
    layer, features = LSTMCaptioner(**SIZES, attention=attention), normal(rng, 2, 7, 4)
    logits = layer(features, TOKENS)
    state = layer.start(features)
    for t in range(TOKENS.shape[1]):
        column, state = layer.step(TOKENS[:, t], state)
        assert_close(column, logits[:, t])


def test_steps_tell_the_scores_of_the_call(rng):
    layer, features = LSTMCaptioner(**SIZES), normal(rng, 2, 7, 4)
    _, scores = layer(features, TOKENS, return_attention_scores=True)
    state = layer.start(features)
    for t in range(2):
        _, state, column = layer.step(TOKENS[:, t], state, return_attention_scores=True)
        assert_close(column, scores[:, t])


def test_padding_changes_nothing_wherever_it_stands(rng):
    layer, features = LSTMCaptioner(**SIZES), normal(rng, 1, 7, 4)
    padded = np.array([[1, 0, 7, 4, 0, 0]], "int32")
    assert_close(array(layer(features, padded))[:, [0, 2, 3]], layer(features, TOKENS[:1, :3]))


def test_never_reads_a_later_word(rng):
    layer, features, other = LSTMCaptioner(**SIZES), normal(rng, 2, 7, 4), TOKENS.copy()
    other[:, 2:] = 11
    assert_close(layer(features, TOKENS)[:, :2], layer(features, other)[:, :2])


def test_order_of_the_parts_is_invisible(rng):
    layer, features, order = LSTMCaptioner(**SIZES), normal(rng, 2, 7, 4), rng.permutation(7)
    logits, scores = layer(features, TOKENS, return_attention_scores=True)
    moved, moved_scores = layer(features[:, order], TOKENS, return_attention_scores=True)
    assert_close(moved, logits)
    assert_close(moved_scores, array(scores)[:, :, order])


def test_penalty_asks_that_all_is_looked_at_once(rng):
    """λ · mean over captions of Σ_s (1 - Σ_t scores_ts)², padding not counted."""
    layer, features = LSTMCaptioner(**SIZES, attention_penalty=0.7), normal(rng, 2, 7, 4)
    _, scores = layer(features, TOKENS, return_attention_scores=True)
    looked = (array(scores) * (TOKENS != 0)[..., None]).sum(1)
    expected = 0.7 * np.square(1 - looked).sum(-1).mean()
    np.testing.assert_allclose(array(layer.losses[0]), expected, rtol=FLOAT32)


def test_own_words_are_fed_back_in_training_only(rng):
    """With nearly every word replaced, the call is greedy decoding from the first word on."""
    layer = LSTMCaptioner(**SIZES, scheduled_sampling=1 - 1e-9, seed=3)
    features, tokens = normal(rng, 2, 7, 4), np.ones((2, 5), "int32")
    trained = array(layer(features, tokens, training=True))
    state, token = layer.start(features), tokens[:, 0]
    for t in range(5):
        logits, state = layer.step(token, state)
        assert_close(trained[:, t], logits)
        token = array(logits).argmax(-1)
    assert (token != 1).any()
    state = layer.start(features)
    for t in range(2):
        logits, state = layer.step(tokens[:, t], state)
    assert_close(layer(features, tokens)[:, 1], logits)


def test_symbolic_scores_have_the_eager_shape():
    logits, scores = LSTMCaptioner(**SIZES)(
        keras.KerasTensor((2, 7, 4)), keras.KerasTensor((2, 5), "int32"),
        return_attention_scores=True)
    assert (logits.shape, scores.shape) == ((2, 5, 13), (2, 5, 7))


@pytest.mark.parametrize("kwargs", [
    {"vocab_size": 0}, {"embed_dim": 0}, {"units": 0}, {"attention_dim": 0}, {"dropout": 1.0},
    {"scheduled_sampling": 1.5}, {"attention_penalty": -1.0},
    {"attention_penalty": 1.0, "attention": False},
])
def test_wrong_arguments(kwargs):
    check_error(lambda: LSTMCaptioner(**{**SIZES, **kwargs}), **kwargs)


def test_wrong_calls():
    check_error(lambda: LSTMCaptioner(**SIZES)(np.zeros((2, 4), "float32"), TOKENS),
                input_shape=(2, 4))
    check_error(lambda: LSTMCaptioner(**SIZES, attention=False)(
        np.zeros((2, 7, 4), "float32"), TOKENS, return_attention_scores=True), attention=False)


@on_tensorflow
@pytest.mark.parametrize("kwargs", [
    {"scheduled_sampling": 1 - 1e-9, "attention_penalty": 0.3, "seed": 3}, {"attention": False}])
def test_gradients_compiled_by_xla(rng, kwargs):
    """Nearly every word is replaced, since XLA draws other random numbers from the same seed."""
    layer = LSTMCaptioner(**SIZES, **kwargs)
    check_gradients(layer, lambda inputs: layer(**inputs, training=True),
                    {"features": normal(rng, 2, 7, 4), "tokens": TOKENS})


def test_trains_compiled():
    assert LSTMCaptioner(**SIZES).supports_jit
