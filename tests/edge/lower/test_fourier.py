"""`keras_seqattn.edge.lower.fourier`: products with matrices are the transforms of NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_seqattn.edge.lower.trace import lower

SHAPE = (5, 7, 11)
EXACT = 1e-4    # of sums of 77 numbers in float32


def _parts():
    rng = np.random.default_rng(3)
    return [rng.normal(size=(1, *SHAPE)).astype("float32") for _ in range(2)]


@pytest.mark.parametrize(("function", "expected"), [
    (ops.fft, np.fft.fft), (ops.fft2, np.fft.fft2), (ops.ifft2, np.fft.ifft2)])
def test_a_transform_is_that_of_numpy(function, expected):
    first, second = keras.Input(SHAPE, name="a"), keras.Input(SHAPE, name="b")
    graph = lower(keras.Model([first, second], list(function((first, second)))))
    assert graph.notes == []
    real, imaginary = _parts()
    made = list(graph.run({"a": real, "b": imaginary}).values())
    whole = expected(real + 1j * imaginary)
    np.testing.assert_allclose(made[0], whole.real, atol=EXACT)
    np.testing.assert_allclose(made[1], whole.imag, atol=EXACT)


def test_zeros_are_not_multiplied():
    """The real part of a transform of real numbers takes one product for the first axis."""
    x = keras.Input(SHAPE, name="a")
    graph = lower(keras.Model(x, ops.fft2((x, ops.zeros_like(x)))[0]))
    assert [node.kind for node in graph.nodes].count("dense") == 4
    real, _ = _parts()
    np.testing.assert_allclose(next(iter(graph.run({"a": real}).values())),
                               np.fft.fft2(real).real, atol=EXACT)


@pytest.mark.parametrize("length", [None, 7, 13])
def test_a_transform_of_real_numbers_is_that_of_numpy(length):
    x = keras.Input(SHAPE, name="a")
    graph = lower(keras.Model(x, list(ops.rfft(x, length))))
    assert graph.notes == []
    given, _ = _parts()
    whole = np.fft.rfft(given, length)
    for made, wanted in zip(graph.run({"a": given}).values(), (whole.real, whole.imag),
                            strict=True):
        np.testing.assert_allclose(made, wanted, atol=EXACT)
