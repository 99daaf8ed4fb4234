"""`keras_seqattn.edge.lower.recurrent`: fused, unrolled or a loop, and Keras' numbers each run."""

import keras
import numpy as np
import pytest
from keras import ops
from written import check, draw, kinds, model_of

from keras_seqattn.edge.lower.trace import lower

pytestmark = pytest.mark.edge

K = keras.layers
STEPS, WIDTH, UNITS = 13, 4, 5
SHORT = 7
FUSED = {
    "plain": K.LSTM(UNITS), "sequences": K.LSTM(UNITS, return_sequences=True),
    "backwards": K.LSTM(UNITS, go_backwards=True, return_sequences=True),
    "bare": K.LSTM(UNITS, use_bias=False), "dropped": K.LSTM(UNITS, dropout=0.2),
    "unroll": K.LSTM(UNITS, unroll=True),
}


@keras.saving.register_keras_serializable(package="tests")
class Decay(keras.layers.Layer):
    """A cell of its own: what it holds fades."""

    state_size = output_size = UNITS

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], UNITS), name="kernel")

    def call(self, x, states):
        held = 0.5 * states[0] + ops.matmul(x, self.kernel)
        return ops.tanh(held), [held]


OTHERS = {
    "state": lambda: K.LSTM(UNITS, return_state=True, return_sequences=True),
    "relu": lambda: K.LSTM(UNITS, activation="relu"),
    "gru": lambda: K.GRU(UNITS), "gru-before": lambda: K.GRU(UNITS, reset_after=False),
    "gru-bare": lambda: K.GRU(UNITS, use_bias=False, return_sequences=True),
    "gru-state": lambda: K.GRU(UNITS, return_state=True, go_backwards=True),
    "simple": lambda: K.SimpleRNN(UNITS, return_sequences=True),
    "simple-relu": lambda: K.SimpleRNN(UNITS, activation="relu", return_state=True),
    "own": lambda: K.RNN(Decay(), return_sequences=True, return_state=True),
    "stacked": lambda: K.RNN([K.LSTMCell(3), K.GRUCell(UNITS), K.SimpleRNNCell(2)],
                             return_sequences=True, return_state=True),
    "stacked-own": lambda: K.RNN([Decay(), Decay()]),
}


@pytest.mark.parametrize("layer", FUSED.values(), ids=FUSED)
def test_an_lstm_is_one_op_and_right_at_every_run(layer, tmp_path):
    model = model_of(layer, (STEPS, WIDTH))
    assert kinds(check(model, tmp_path / "x.tflite")).count("lstm") == 1
    check(model, tmp_path / "y.tflite", draw(model, seed=11))


@pytest.mark.parametrize("layer", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("steps", [SHORT, STEPS])
def test_what_is_not_fused_is_unrolled_or_a_loop(layer, steps, tmp_path):
    graph = check(model_of(layer(), (steps, WIDTH)), tmp_path / "x.tflite")
    assert ("scan" in kinds(graph)) == (steps > SHORT)
    assert "lstm" not in kinds(graph)


@pytest.mark.parametrize("layer", [
    lambda: K.LSTM(UNITS), lambda: K.GRU(UNITS, return_sequences=True),
    lambda: K.SimpleRNN(UNITS, return_sequences=True, zero_output_for_mask=True),
    lambda: K.LSTM(UNITS, go_backwards=True, return_state=True)],
    ids=["lstm", "gru", "zeros", "backwards"])
@pytest.mark.parametrize("steps", [SHORT, STEPS])
def test_what_a_mask_hides_is_skipped(layer, steps, tmp_path):
    mask = np.ones((1, steps), bool)
    mask[0, [0, 3, 5, 6]] = False
    model = model_of(lambda x, mask: layer()(x, mask=mask), (steps, WIDTH), ((steps,), "bool"))
    check(model, tmp_path / "x.tflite", {**draw(model), "x1": mask})


def test_padding_reaches_a_recurrent_layer(tmp_path):
    def function(ids):
        return K.LSTM(UNITS)(K.Embedding(11, WIDTH, mask_zero=True)(ids))
    check(model_of(function, ((STEPS,), "int32")), tmp_path / "x.tflite",
          {"x0": np.asarray([[3, 1, 4, 1, 5, 9, 2, 0, 0, 0, 0, 0, 0]], "int32")})


def test_masking_hides_steps_of_one_value(tmp_path):
    model = model_of(lambda x: K.GRU(UNITS)(K.Masking(-1.0)(x)), (STEPS, WIDTH))
    x = draw(model)["x0"]
    x[0, 5:] = -1
    check(model, tmp_path / "x.tflite", {"x0": x})


@pytest.mark.parametrize("layer", [lambda: K.LSTM(UNITS), lambda: K.GRU(UNITS)],
                         ids=["lstm", "gru"])
def test_a_state_that_is_given(layer, tmp_path):
    made = layer()
    count = 2 if isinstance(made, K.LSTM) else 1
    model = model_of(lambda x, *state: made(x, initial_state=list(state)), (STEPS, WIDTH),
                     *[(UNITS,)] * count)
    check(model, tmp_path / "x.tflite")


def test_layers_in_a_row(tmp_path):
    model = model_of(lambda x: K.Dense(3)(K.GRU(UNITS)(K.LSTM(
        UNITS, return_sequences=True)(x))), (STEPS, WIDTH))
    check(model, tmp_path / "x.tflite")


def test_a_stateful_layer_is_refused():
    inputs = keras.Input(batch_shape=(1, STEPS, WIDTH), name="x0")
    with pytest.raises(ValueError, match=r"models\.streaming"):
        lower(keras.Model(inputs, K.GRU(UNITS, stateful=True)(inputs)))


def test_the_notes_say_what_became_of_a_layer():
    model = model_of(lambda x: [K.LSTM(3, name="a")(x), K.GRU(3, name="b")(x)], (STEPS, WIDTH))
    assert sorted(note.split(",")[0].split(":")[0] for note in lower(model).notes) == [
        "a is one fused op", f"b is a loop of {STEPS} steps"]


def test_layers_that_read_the_same_have_states_of_their_own(tmp_path):
    check(model_of(lambda x: [K.LSTM(UNITS)(x), K.LSTM(UNITS)(x)], (STEPS, WIDTH)),
          tmp_path / "x.tflite")
