"""A small `.onnx` file without any model behind it."""

import numpy as np
import pytest

WEIGHTS = np.random.default_rng(7).normal(size=(13, 29)).astype("float32")


@pytest.fixture
def product(tmp_path):
    """Path of a file of `y = x @ WEIGHTS`; `x` is `(1, 13)`."""
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = make.make_graph(
        [make.make_node("MatMul", ["x", "weights"], ["y"])], "product",
        [make.make_tensor_value_info("x", kind, (1, 13))],
        [make.make_tensor_value_info("y", kind, (1, 29))],
        [onnx.numpy_helper.from_array(WEIGHTS, "weights")])
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8),
              tmp_path / "product.onnx")
    return tmp_path / "product.onnx"
