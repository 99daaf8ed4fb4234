"""`keras_seqattn.edge.lower.wrappers`: layers that call another one."""

import keras
import numpy as np
import pytest
from written import check, draw, model_of

pytestmark = pytest.mark.edge

K = keras.layers
STEPS, WIDTH, UNITS = 13, 4, 5
BOTH = {
    "lstm": lambda **options: K.Bidirectional(K.LSTM(UNITS, **options)),
    "gru": lambda **options: K.Bidirectional(K.GRU(UNITS, **options)),
}


@pytest.mark.parametrize("layer", BOTH.values(), ids=BOTH)
@pytest.mark.parametrize("mode", ["concat", "sum", "ave", "mul", None])
@pytest.mark.parametrize("sequences", [False, True])
def test_both_directions(layer, mode, sequences, tmp_path):
    made = layer(return_sequences=sequences)
    made.merge_mode = mode
    check(model_of(made, (STEPS, WIDTH)), tmp_path / "x.tflite")


@pytest.mark.parametrize("layer", [
    K.Bidirectional(K.LSTM(UNITS), backward_layer=K.GRU(7, go_backwards=True)),
    K.Bidirectional(K.GRU(UNITS, return_state=True)),
    K.Bidirectional(K.SimpleRNN(UNITS, return_state=True), merge_mode=None),
], ids=["own", "states", "states-apart"])
def test_forms_of_both_directions(layer, tmp_path):
    check(model_of(layer, (STEPS, WIDTH)), tmp_path / "x.tflite")


def test_both_directions_of_what_a_mask_leaves(tmp_path):
    layer = K.Bidirectional(K.LSTM(UNITS, return_sequences=True))
    model = model_of(lambda x, mask: layer(x, mask=mask), (STEPS, WIDTH), ((STEPS,), "bool"))
    check(model, tmp_path / "x.tflite", {**draw(model), "x1": np.arange(STEPS)[None] < 9})


def test_both_directions_from_given_states(tmp_path):
    layer = K.Bidirectional(K.GRU(UNITS))
    model = model_of(lambda x, a, b: layer(x, initial_state=[a, b]), (STEPS, WIDTH), (UNITS,),
                     (UNITS,))
    check(model, tmp_path / "x.tflite")


INNER = {
    "dense": (lambda: K.Dense(3, activation="relu"), (STEPS, WIDTH)),
    "conv": (lambda: K.Conv2D(3, 2), (STEPS, 5, 4, 2)), "pool": (
        lambda: K.GlobalMaxPooling2D(), (STEPS, 5, 4, 2)),
    "lstm": (lambda: K.LSTM(UNITS), (3, 7, 2)), "norm": (
        lambda: K.LayerNormalization(), (STEPS, WIDTH)), "flatten": (
        lambda: K.Flatten(), (STEPS, 3, 2)),
    "model": (lambda: keras.Sequential([keras.Input((5, 4, 2)), K.Conv2D(3, 2), K.Flatten(),
                                        K.Dense(2)]), (STEPS, 5, 4, 2)),
}


@pytest.mark.parametrize(("layer", "shape"), INNER.values(), ids=INNER)
def test_one_call_over_all_positions(layer, shape, tmp_path):
    graph = check(model_of(K.TimeDistributed(layer()), shape), tmp_path / "x.tflite")
    assert len(graph.nodes) < STEPS


def test_a_mask_reaches_the_layer_at_each_position(tmp_path):
    layer = K.TimeDistributed(K.GRU(UNITS))
    model = model_of(lambda x, mask: layer(x, mask=mask), (3, 7, 2), ((3, 7), "bool"))
    mask = np.ones((1, 3, 7), bool)
    mask[0, 1, 4:] = False
    check(model, tmp_path / "x.tflite", {**draw(model), "x1": mask})
