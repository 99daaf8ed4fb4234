"""`keras_seqattn.edge.onnx.handlers`: against the standard library and NumPy."""

import numpy as np
import pytest

from keras_seqattn.edge.onnx import convert
from keras_seqattn.edge.onnx.session import Session

pytest.importorskip("tf2onnx", reason="needs tf2onnx")
pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxruntime", reason="needs onnxruntime")
pytestmark = [
    pytest.mark.edge,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tf2onnx.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:onnx.*"),
]


@pytest.mark.parametrize("factor", [None, 0.5, [0.5, 2.0, 3.0]])
def test_erfc_of_anything(tmp_path, factor):
    """Against the standard library; a factor for each column is not taken for a GELU's."""
    import math

    import tensorflow as tf

    class Erfc(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 3), tf.float32, "x")])
        def __call__(self, x):
            return {"y": tf.math.erfc(x if factor is None else -x * factor)}

    module = Erfc()
    tf.saved_model.save(module, str(tmp_path / "saved"),
                        signatures={"serving_default": module.__call__})
    convert.convert(str(tmp_path / "saved"), tmp_path / "erfc.onnx", "float32")
    x = np.array([[-1.25, 0.5, 2.0]], "float32")
    actual = Session(tmp_path / "erfc.onnx").run(x=x)["y"]
    scaled = x if factor is None else -x * np.array(factor)
    np.testing.assert_allclose(actual, np.vectorize(math.erfc)(scaled), atol=1e-6, rtol=0)


def _tf():
    import tensorflow

    return tensorflow


def _complex(x):
    return _tf().complex(x, 2.0 * x)


@pytest.mark.parametrize(("function", "wanted"), [
    (lambda x: _tf().math.real(_tf().signal.fft(_complex(x))), lambda z: np.fft.fft(z).real),
    (lambda x: _tf().math.imag(_tf().signal.fft(_complex(x))), lambda z: np.fft.fft(z).imag),
    (lambda x: _tf().math.real(_tf().signal.fft2d(_complex(x))), lambda z: np.fft.fft2(z).real),
    (lambda x: _tf().abs(_tf().signal.ifft(_complex(x))), lambda z: np.abs(np.fft.ifft(z))),
    (lambda x: _tf().math.imag(_tf().signal.ifft2d(_complex(x))), lambda z: np.fft.ifft2(z).imag),
    (lambda x: _tf().math.imag(_tf().signal.rfft(x)), lambda z: np.fft.rfft(z.real).imag),
    (lambda x: _tf().abs(_tf().signal.rfft(x, [7])), lambda z: np.abs(np.fft.rfft(z.real, 7))),
], ids=["real", "imaginary", "both axes", "inverse", "inverse of both", "half", "half of 7"])
def test_fourier_transforms_are_those_of_numpy(tmp_path, function, wanted):
    tf = _tf()

    class Held(tf.Module):
        @tf.function(autograph=False, input_signature=[tf.TensorSpec((1, 5, 11), tf.float32, "x")])
        def __call__(self, x):
            return {"y": function(x)}

    module = Held()
    tf.saved_model.save(module, str(tmp_path / "saved"),
                        signatures={"serving_default": module.__call__})
    convert.convert(str(tmp_path / "saved"), tmp_path / "x.onnx", "float32")
    x = np.random.default_rng(3).normal(size=(1, 5, 11)).astype("float32")
    actual = Session(tmp_path / "x.onnx").run(x=x)["y"]
    np.testing.assert_allclose(actual, wanted(x + 2j * x), atol=2e-4, rtol=0)
