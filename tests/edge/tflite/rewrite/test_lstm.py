"""Fused LSTMs in a file: the numbers of Keras beyond ten, and weights in int8."""

import flat
import keras
import numpy as np
import pytest
from tolerances import FLOAT32

from keras_seqattn.edge.lower import recurrent
from keras_seqattn.edge.tflite.rewrite import lstm

pytestmark = pytest.mark.edge

STEPS, WIDTH, UNITS = 23, 7, 11
LSTM, Bidirectional = keras.layers.LSTM, keras.layers.Bidirectional


def _built(layer, seed=5, width=WIDTH, scale=0.4):
    layer.build((1, STEPS, width))
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(scale=scale, size=w.shape) for w in layer.get_weights()])
    return layer


def _file(*layers, width=WIDTH, optimise=False):
    """The file of lowered layers in a row."""
    def function(x):
        for layer in layers:
            x = recurrent.lowered(layer, {}, STEPS)[0](x)
        return x

    return flat.rewritten(flat.converted(
        function, layers, optimise, x=((1, STEPS, width), "float32")), lstm.unclip)


def _inputs(width=WIDTH):
    rng = np.random.default_rng(3)
    return rng.normal(scale=2, size=(3, 1, STEPS, width)).astype("float32")


def test_a_cell_may_count_beyond_ten():
    """All gates open and a constant input: the cell counts the steps, then empties again."""
    layer = LSTM(1)
    layer.build((1, STEPS, 1))
    layer.set_weights([np.array([[0, 0, 20, 0]]), np.zeros((1, 4)), np.array([20, 20, 0, 20])])
    x = np.ones((1, STEPS, 1), "float32")
    x[:, 14:] = -1                                            # up to 14, then down to 5
    run, _ = recurrent.lowered(layer, {}, STEPS)
    clipped = flat.converted(run, [layer], x=(x.shape, "float32"))
    expected = np.tanh(14 - 9)
    np.testing.assert_allclose(layer(x), [[expected]], atol=FLOAT32)
    np.testing.assert_allclose(flat.runner(clipped)(x=x)[0], [[np.tanh(10 - 9)]], atol=FLOAT32)
    np.testing.assert_allclose(
        flat.runner(flat.rewritten(clipped, lstm.unclip))(x=x)[0], [[expected]], atol=FLOAT32)


def test_int8_weights_are_close_small_and_as_the_converter_makes_them():
    """All matrices above the 1024 numbers from which the converter quantises."""
    layers = [_built(Bidirectional(LSTM(61, return_sequences=True)), width=41, scale=0.1),
              _built(LSTM(67), width=122, scale=0.1)]
    full = _file(*layers, width=41)
    small, theirs = flat.rewritten(full, lstm.quantise), _file(*layers, width=41, optimise=True)
    weights = sum(w.size for layer in layers for w in layer.get_weights() if w.ndim == 2)
    assert flat.ops(small) == flat.ops(full)
    assert len(full) - 3.1 * weights < len(small) < len(full) - 2.9 * weights
    assert len(small) < 1.05 * len(theirs)
    runs = [flat.runner(each) for each in (full, small, theirs)]
    for x in _inputs(width=41):
        exact, ours, converters = (run(x=x)[0] for run in runs)
        assert 1e-4 < np.abs(ours - exact).max() < 0.03
        np.testing.assert_array_equal(ours, converters)


def test_int8_weights_are_the_nearest_of_their_grid():
    from ai_edge_litert.tools import flatbuffer_utils

    layer = _built(LSTM(UNITS))
    model = flatbuffer_utils.convert_bytearray_to_object(
        flat.rewritten(_file(layer), lstm.quantise))
    found = [(model.buffers[tensor.buffer].data.view("int8").reshape(tensor.shape), tensor)
             for tensor in model.subgraphs[0].tensors if tensor.type == 9]
    gates = [gate.T for kernel in layer.get_weights()[:2] for gate in np.split(kernel, 4, axis=1)]
    assert len(found) == len(gates) == 8
    for gate in gates:
        scale = np.abs(gate).max() / 127
        assert any(
            integers.shape == gate.shape and np.isclose(tensor.quantization.scale[0], scale)
            and np.abs(integers * scale - gate).max() <= 0.5001 * scale
            for integers, tensor in found)


def test_int8_of_a_layer_that_is_called_twice():
    layer = _built(LSTM(61, return_sequences=True), width=61, scale=0.1)
    file = _file(layer, layer, width=61)
    small = flat.rewritten(file, lstm.quantise)
    assert len(small) < len(file) - 2.9 * 8 * 61 * 61
    run = flat.runner(small)
    for x in _inputs(width=61):
        np.testing.assert_allclose(run(x=x)[0], layer(layer(x)), atol=0.03)


def test_a_file_without_fused_ops_stays_as_it_is():
    dense = keras.layers.Dense(3)
    dense.build((1, 5))
    file = flat.converted(dense, [dense], x=((1, 5), "float32"))
    assert flat.rewritten(file, lstm.unclip, lstm.quantise) is file
