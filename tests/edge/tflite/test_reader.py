"""`keras_seqattn.edge.tflite.reader`: held against LiteRT's object reader and its interpreter."""

import tracemalloc

import numpy as np
import pytest
import tiny_tflite

from keras_seqattn.edge.tflite import reader

pytestmark = pytest.mark.edge


def _net(x):
    """A dense layer, a product and a sum whose bias is there, and one without."""
    import tensorflow as tf

    rng = np.random.default_rng(3)
    draw = lambda *shape: tf.constant(rng.normal(size=shape), tf.float32)  # noqa: E731
    hidden = tf.nn.relu(x @ draw(5, 7) + draw(7))
    rows = tf.reshape(hidden @ draw(7, 33), (1, 1, 3, 11))
    return tf.matmul(rows, draw(1, 1, 11, 2)) + 3.0


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tiny_tflite.write(tmp_path_factory.mktemp("flat") / "net.tflite", _net, x=(1, 5))


@pytest.fixture(scope="module", params=["float32", "float16", "dynamic_wi8_afp32",
                                        "dynamic_wi4_afp32", "static_wi8_ai8"])
def any_file(request, file):
    if request.param == "float32":
        return file
    examples = np.random.default_rng(5).normal(size=(3, 1, 5)).astype("float32")[:, 0]
    return tiny_tflite.quantise(file, file.with_name(f"{request.param}.tflite"), request.param,
                                {"x": examples})


def test_same_as_the_object_reader(any_file):
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(any_file.read_bytes())
    names = {number: name for name, number in vars(schema.BuiltinOperator).items()
             if isinstance(number, int)}
    types = {number: name.lower() for name, number in vars(schema.TensorType).items()
             if isinstance(number, int)}
    table = model.subgraphs[0]
    (graph,) = reader.read(any_file).graphs
    assert [op.name for op in graph.ops] == [
        names[model.operatorCodes[op.opcodeIndex].builtinCode] for op in table.operators]
    for op, theirs in zip(graph.ops, table.operators, strict=True):
        assert [-1 if each is None else each.index for each in op.inputs] == list(theirs.inputs)
        assert [each.index for each in op.outputs] == list(theirs.outputs)
    for tensor, theirs in zip(graph.tensors, table.tensors, strict=True):
        assert tensor.name == theirs.name.decode()
        assert tensor.shape == tuple([] if theirs.shape is None else theirs.shape)
        assert tensor.dtype == types[theirs.type]
        data = model.buffers[theirs.buffer].data
        assert tensor.buffer.size == (0 if data is None else len(data))


def test_same_as_the_interpreter(any_file):
    from ai_edge_litert.interpreter import Interpreter

    details = {each["index"]: each for each in Interpreter(str(any_file)).get_tensor_details()}
    for tensor in reader.read(any_file).tensors:
        theirs = details[tensor.index]["quantization_parameters"]
        np.testing.assert_array_equal(np.float32(tensor.scales), theirs["scales"])
        np.testing.assert_array_equal(tensor.zero_points, theirs["zero_points"])
        assert tensor.name == details[tensor.index]["name"]


def test_a_file_by_hand(file):
    ops = reader.read(file).ops
    assert [op.name for op in ops] == [
        "FULLY_CONNECTED", "FULLY_CONNECTED", "RESHAPE", "BATCH_MATMUL", "ADD"]
    assert not any(op.code.custom or op.transposed for op in ops)
    assert ops[0].inputs[1].shape == (7, 5)
    assert ops[1].inputs[2] is None
    graph = reader.read(file).graphs[0]
    assert [each.shape for each in (*graph.inputs, *graph.outputs)] == [(1, 5), (1, 1, 3, 2)]


def test_weights_are_counted_once_and_without_shapes(tmp_path, file):
    numbers = 5 * 7 + 7 + 7 * 33 + 11 * 2 + 1
    assert reader.read(file).weight_bytes == 4 * numbers
    shared = np.random.default_rng(3).normal(size=(5, 5)).astype("float32")
    twice = tiny_tflite.write(tmp_path / "twice.tflite", lambda x: x @ shared @ shared, x=(1, 5))
    assert reader.read(twice).weight_bytes == 4 * 5 * 5


def test_sizes_known_only_at_run_time(tmp_path):
    path = tiny_tflite.write(tmp_path / "free.tflite", lambda x: x * 2.0, x=(None, 5))
    assert reader.read(path).graphs[0].inputs[0].shape == (-1, 5)


def test_a_transposed_product_and_a_custom_op_are_seen(tmp_path):
    import tensorflow as tf

    path = tiny_tflite.write(
        tmp_path / "transposed.tflite", lambda a, b: tf.matmul(a, b, transpose_b=True),
        a=(1, 2, 3, 5), b=(1, 2, 7, 5))
    assert [op.transposed for op in reader.read(path).ops] == [True]
    path = tiny_tflite.write(
        tmp_path / "flex.tflite", tf.linalg.cholesky, flex=True, x=(1, 3, 3))
    assert [(op.name, op.code.custom) for op in reader.read(path).ops] == [("FlexCholesky", True)]


def test_signatures_name_tensors_in_the_order_of_the_graph(tmp_path):
    path = tiny_tflite.write(
        tmp_path / "two.tflite", lambda b, a: {"z": a * 2.0, "y": a + b}, b=(1, 5), a=(1, 3, 5))
    file = reader.read(path)
    (signature,) = file.signatures
    assert (signature.name, signature.graph) == ("serving_default", file.graphs[0])
    assert tuple(signature.inputs.values()) == signature.graph.inputs
    assert tuple(signature.outputs.values()) == signature.graph.outputs
    assert {name: each.shape for name, each in signature.inputs.items()} == {
        "a": (1, 3, 5), "b": (1, 5)}
    made = {name: signature.graph.maker(each).name for name, each in signature.outputs.items()}
    assert made == {"z": "MUL", "y": "ADD"}


def test_weights_are_not_read(tmp_path):
    """16 MiB of weights, of which less than a 30th is ever held."""
    import tensorflow as tf

    big = tf.random.stateless_normal((2048, 2048), (1, 2))
    path = tiny_tflite.write(tmp_path / "big.tflite", lambda x: x @ tf.constant(big.numpy()),
                             x=(1, 2048))
    assert path.stat().st_size > 2**24
    tracemalloc.start()
    try:
        assert reader.read(path).weight_bytes == 2**24
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**24 / 30
