"""Recurrent layers on the edge: the numbers of Keras at every run, and the promised ops."""

import flat
import keras
import numpy as np
import pytest
from tolerances import FLOAT32

from keras_seqattn.edge.lower import recurrent
from keras_seqattn.edge.lower.walk import lower
from keras_seqattn.edge.tflite.rewrite import lstm

pytestmark = pytest.mark.edge

STEPS, WIDTH, UNITS = 23, 7, 11
FUSED, LOOP = lstm.OP, "WHILE"
LSTM, GRU, SimpleRNN = keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN
Bidirectional = keras.layers.Bidirectional


def _built(layer, seed=5, steps=STEPS, width=WIDTH):
    layer.build((1, steps, width))
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(scale=0.4, size=w.shape) for w in layer.get_weights()])
    return layer


def _file(*layers, steps=STEPS, width=WIDTH):
    """The file of lowered layers in a row."""
    def function(x):
        for layer in layers:
            run, _ = recurrent.lowered(layer, {"mask": None}, steps)
            x = layer(x) if run is None else run(x)
        return x

    return flat.rewritten(
        flat.converted(function, layers, x=((1, steps, width), "float32")), lstm.unclip)


def _inputs(count=3, steps=STEPS, width=WIDTH):
    rng = np.random.default_rng(3)
    return rng.normal(scale=2, size=(count, 1, steps, width)).astype("float32")


def _check_runs(file, layers, **shape):
    """Every run gives what the layers give, whatever ran before it."""
    run = flat.runner(file)
    for x in _inputs(**shape):
        expected = x
        for layer in layers:
            expected = layer(expected)
        outputs = run(x=x)
        for a, b in zip(outputs, keras.tree.flatten(expected), strict=True):
            np.testing.assert_allclose(a, keras.ops.convert_to_numpy(b), atol=FLOAT32)


@pytest.mark.parametrize(("layer", "count"), [
    (LSTM(UNITS), 1),
    (LSTM(UNITS, return_sequences=True), 1),
    (LSTM(UNITS, go_backwards=True), 1),
    (LSTM(UNITS, go_backwards=True, return_sequences=True), 1),
    (LSTM(UNITS, use_bias=False, unit_forget_bias=False), 1),
    (LSTM(UNITS, recurrent_dropout=0.3, dropout=0.2), 1),
    (LSTM(UNITS, unroll=True), 1),
    (Bidirectional(LSTM(UNITS)), 2),
    (Bidirectional(LSTM(UNITS, return_sequences=True)), 2),
    (Bidirectional(LSTM(UNITS, return_sequences=True), merge_mode="sum"), 2),
    (Bidirectional(LSTM(UNITS), merge_mode="mul"), 2),
    (Bidirectional(LSTM(UNITS), merge_mode="ave"), 2),
    (Bidirectional(LSTM(UNITS, return_sequences=True), merge_mode=None), 2),
    (Bidirectional(LSTM(UNITS), backward_layer=LSTM(13, go_backwards=True)), 2),
])
def test_an_lstm_is_fused_and_right_at_every_run(layer, count):
    file = _file(_built(layer))
    assert (flat.ops(file)[FUSED], flat.ops(file)[LOOP]) == (count, 0)
    _check_runs(file, [layer])


def test_layers_in_a_row_are_fused_each():
    layers = [_built(Bidirectional(LSTM(UNITS, return_sequences=True))),
              _built(LSTM(13, return_sequences=True), width=2 * UNITS),
              _built(LSTM(5), width=13)]
    file = _file(*layers)
    assert flat.ops(file)[FUSED] == 4
    _check_runs(file, layers)


def test_nothing_of_a_run_is_left_for_the_next():
    run, (first, other, _) = flat.runner(_file(_built(LSTM(UNITS)))), _inputs()
    alone = run(x=first)[0]
    run(x=100 * other)
    np.testing.assert_array_equal(run(x=first)[0], alone)


def test_layers_that_read_the_same_have_states_of_their_own():
    """Even one layer that is called twice: the converter must not merge the states."""
    layer, other = _built(LSTM(UNITS)), _built(LSTM(UNITS), seed=7)

    def function(x):
        return [recurrent.lowered(each, {}, STEPS)[0](x) for each in (layer, layer, other)]

    file = flat.converted(function, [layer, other], x=((1, STEPS, WIDTH), "float32"))
    run = flat.runner(flat.rewritten(file, lstm.unclip))
    for x in _inputs():
        for output, each in zip(run(x=x), (layer, layer, other), strict=True):
            np.testing.assert_allclose(output, each(x), atol=FLOAT32)


def test_a_state_that_is_given_is_where_the_run_starts(rng):
    layer = _built(LSTM(UNITS))

    def function(x, state):
        run, _ = recurrent.lowered(layer, {"initial_state": [state, state]}, STEPS)
        return run(x, [state, state]), state + 1.0

    file = flat.converted(function, [layer], x=((1, STEPS, WIDTH), "float32"),
                          state=((1, UNITS), "float32"))
    assert flat.ops(file)[FUSED] == 1
    run = flat.runner(flat.rewritten(file, lstm.unclip))
    for x in _inputs():
        state = rng.normal(scale=3, size=(1, UNITS)).astype("float32")
        output, more = run(x=x, state=state)
        np.testing.assert_allclose(output, layer(x, initial_state=[state, state]), atol=FLOAT32)
        np.testing.assert_array_equal(more, state + 1.0)


@pytest.mark.parametrize("layer", [
    GRU(UNITS), GRU(UNITS, reset_after=False, return_state=True),
    SimpleRNN(UNITS, return_sequences=True, go_backwards=True), LSTM(UNITS, return_state=True),
    LSTM(UNITS, activation="relu"), LSTM(UNITS, recurrent_activation="hard_sigmoid"),
    Bidirectional(GRU(UNITS, return_sequences=True, return_state=True)),
    Bidirectional(SimpleRNN(UNITS), merge_mode="sum"),
])
def test_what_cannot_be_fused_is_unrolled_if_it_is_short(layer):
    file = _file(_built(layer, steps=5), steps=5)
    assert (flat.ops(file)[FUSED], flat.ops(file)[LOOP]) == (0, 0)
    _check_runs(file, [layer], steps=5)


def test_what_is_long_stays_a_loop():
    layer = _built(GRU(UNITS))
    file = _file(layer)
    assert flat.ops(file)[LOOP] == 1
    _check_runs(file, [layer])


def test_a_state_that_is_given_is_where_the_unrolled_start(rng):
    layer = _built(Bidirectional(GRU(UNITS)), steps=5)
    states = [rng.normal(size=(1, UNITS)).astype("float32") for _ in range(2)]
    run, _ = recurrent.lowered(layer, {"initial_state": states}, 5)
    x = _inputs(steps=5)[0]
    np.testing.assert_allclose(run(x, states), layer(x, initial_state=states), atol=FLOAT32)


@pytest.mark.parametrize("layer", [
    LSTM(UNITS, go_backwards=True), Bidirectional(LSTM(UNITS, use_bias=False))])
def test_the_function_itself_is_an_lstm(layer):
    """TensorFlow runs the loop that the converter replaces; it is called as the layer is."""
    run, _ = recurrent.lowered(_built(layer), {}, STEPS)
    x = _inputs()[0]
    np.testing.assert_allclose(run(x, mask=None, training=False), layer(x), atol=FLOAT32)


@pytest.mark.parametrize(("layer", "given", "steps", "sentence"), [
    (LSTM(3, name="a"), {"mask": None}, 50,
     "a is one fused op, which LiteRT's Interpreter runs and its CompiledModel does not"),
    (Bidirectional(LSTM(3), name="b"), {}, 50, "b is a fused op for each direction, which "
     "LiteRT's Interpreter runs and its CompiledModel does not"),
    (GRU(3, name="c"), {}, 50, "c is a loop of 50 steps: only an LSTM has a fused op"),
    (GRU(3, name="d"), {}, 5,
     "d is unrolled, for 5 steps are few, and not fused: only an LSTM has a fused op"),
    (LSTM(3, name="e"), {"mask": True}, 5, "e is a loop of 5 steps: it is called with a mask"),
    (LSTM(3, name="f", activation="relu"), {}, 50,
     "f is a loop of 50 steps: the fused op computes with tanh and sigmoid"),
    (LSTM(3, name="g", return_state=True), {}, 50,
     "g is a loop of 50 steps: the fused op does not give its last state"),
    (LSTM(3, name="h", stateful=True), {}, 5, "h is a loop of 5 steps: it is stateful"),
    (keras.layers.RNN(keras.layers.LSTMCell(3), name="i"), {}, 5,
     "i is a loop of 5 steps: RNN is not a layer that is known here"),
    (Bidirectional(LSTM(3), backward_layer=GRU(3, go_backwards=True), name="j"), {}, 50,
     "j is a loop of 50 steps: only an LSTM has a fused op"),
])
def test_a_sentence_says_what_became_of_the_layer(layer, given, steps, sentence):
    run, said = recurrent.lowered(layer, given, steps)
    assert said == sentence
    assert (run is None) == ("loop" in said)


def _lowered(layer, fuse, **kwargs):
    x = keras.Input((STEPS, WIDTH), name="x")
    y = keras.layers.Masking()(x) if kwargs.pop("masked", False) else x
    graph = lower(keras.Model(x, layer(y, **kwargs)), fuse=fuse)
    return graph, next(node for node in graph.nodes if node.name == layer.name)


@pytest.mark.parametrize("layer", [LSTM(3, name="a"), Bidirectional(LSTM(3), name="a")])
def test_a_call_in_a_model_takes_the_form_if_it_may(layer):
    graph, node = _lowered(layer, fuse=True)
    assert node.settings["function"] is not None
    assert [note.split(",")[0] for note in graph.notes] == [
        "a is a fused op for each direction" if isinstance(layer, Bidirectional)
        else "a is one fused op"]
    graph, node = _lowered(layer, fuse=False)
    assert node.settings["function"] is None
    assert graph.notes == []


def test_a_call_under_a_mask_is_left():
    graph, node = _lowered(LSTM(3, name="a"), fuse=True, masked=True)
    assert node.settings["function"] is None
    assert graph.notes[-1] == "left as they are, since a padding mask reaches it: a"
