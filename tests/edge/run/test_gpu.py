"""`keras_seqattn.edge.run.gpu`: a signature on LiteRT's GPU accelerator, in its own process."""

import subprocess

import keras
import numpy as np
import pytest
from written import draw, model_of, run_file

from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.edge.run import gpu
from keras_seqattn.edge.tflite.write.writer import SIGNATURE

pytestmark = pytest.mark.edge


def _file(function, path, *specs):
    model = model_of(function, *specs)
    inputs = draw(model)
    return run_file(path, lower(model), inputs), inputs


def test_each_run_gets_its_own_inputs(vulkan, tmp_path):
    path = tmp_path / "x.tflite"
    expected, inputs = _file(keras.layers.Dense(5), path, (7, 3))
    (x,), (y,) = inputs.values(), expected.values()
    ran = gpu.run(path, SIGNATURE, {"x0": np.stack([x, 0 * x, x])}, vulkan)
    assert ran.whole
    assert ran.refused == []
    (made,) = ran.outputs.values()
    np.testing.assert_allclose(made[0], y, atol=1e-5)
    np.testing.assert_array_equal(made[0], made[2])
    assert np.abs(made[1] - y).max() > 0.1


def test_what_is_refused_is_named_and_not_run(vulkan, tmp_path):
    path = tmp_path / "x.tflite"
    _, inputs = _file(keras.ops.log_softmax, path, (7, 3))
    ran = gpu.run(path, SIGNATURE, {"x0": inputs["x0"][None]}, vulkan)
    assert not ran.whole
    assert ran.refused == ["LOG_SOFTMAX: Operation is not supported."]
    assert ran.outputs == {}


@pytest.mark.parametrize("adjoint", [(False, True), (True, False), (True, True)])
@pytest.mark.parametrize("lead", [(1,), (1, 2)])
def test_a_product_with_a_transpose_flag_is_right(vulkan, tmp_path, lead, adjoint):
    """What older GPU delegates misread."""
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(3)
    a, b = (rng.normal(size=(*lead, *(pair[::-1] if flag else pair))).astype("float32")
            for pair, flag in zip(((3, 5), (5, 7)), adjoint, strict=True))

    class Product(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(a.shape), tf.TensorSpec(b.shape)])
        def product(self, first, second):
            return {"y": tf.matmul(first, second, transpose_a=adjoint[0], transpose_b=adjoint[1])}

    module = Product()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.product.get_concrete_function()], module)
    path = tmp_path / "x.tflite"
    path.write_bytes(converter.convert())
    ran = gpu.run(path, SIGNATURE, {"first": a[None], "second": b[None]}, vulkan)
    assert ran.whole
    np.testing.assert_allclose(ran.outputs["y"][0], module.product(a, b)["y"], atol=1e-5)


@pytest.mark.parametrize(("code", "log", "reason"), [
    (-11, "", "ends the process, with signal 11"),
    (1, "WebGPU: No adapters found", "no adapter"),
    (1, "nothing", "without a reason")])
def test_a_process_that_fails_is_told(code, log, reason):
    told = gpu._told(subprocess.CompletedProcess([], code, "", log), {})
    assert not told.whole
    assert reason in told.refused[-1]
