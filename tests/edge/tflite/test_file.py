"""`keras_seqattn.edge.tflite.file`: a file's graph by hand, and its constants in place."""

import numpy as np
import pytest
import tiny_tflite

from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.file import Buffer, Code, File, Graph, Op, Signature, Tensor

pytestmark = pytest.mark.edge
NOTHING, SHARED, ALONE = Buffer(0, 0, 0), Buffer(4, 100, 28), Buffer(8, 200, 28)


def _op(name, inputs, outputs):
    return Op(Code(name, False, 1, 0, 0), tuple(inputs), tuple(outputs), {})


@pytest.fixture
def graph():
    """y = (x · a) · b + c, where a and b are the same bytes."""
    x, hidden, product, y = (Tensor(i, f"t{i}", (1, 7), "float32", NOTHING) for i in range(4))
    a, b = (Tensor(i, f"t{i}", (7,), "float32", SHARED) for i in (4, 5))
    c = Tensor(6, "t6", (7,), "float32", ALONE)
    ops = (_op("MUL", [x, a], [hidden]), _op("MUL", [hidden, b, None], [product]),
           _op("ADD", [product, c], [y]))
    return Graph((x, hidden, product, y, a, b, c), ops, (x,), (y,))


def test_makers_and_users(graph):
    x, hidden, product, y, a, _, c = graph.tensors
    assert [graph.maker(each) for each in (x, hidden, product, y, c)] == [
        None, *graph.ops, None]
    assert [graph.users(each) for each in (x, hidden, y, c)] == [
        [graph.ops[0]], [graph.ops[1]], [], [graph.ops[2]]]
    twice = _op("ADD", [x, x], [y])
    assert Graph((x, y), (twice,), (x,), (y,)).users(x) == [twice]
    assert [each.is_constant for each in (x, a)] == [False, True]


def test_bytes_that_two_ops_read_are_shared_under_any_name(graph):
    *_, a, b, c = graph.tensors
    assert [graph.is_shared(each) for each in (a, b, c)] == [True, True, False]


def test_inputs_that_are_there(graph):
    assert graph.ops[1].given == [graph.tensors[1], graph.tensors[5]]


def test_weights_count_once_and_indices_do_not(graph):
    places = Tensor(7, "t7", (7,), "int32", Buffer(12, 300, 28))
    steps = Tensor(8, "t8", (7,), "int32", Buffer(16, 400, 28), (0.5,), (0,))
    main = Graph((*graph.tensors, places, steps), graph.ops, graph.inputs, graph.outputs)
    file = File(np.zeros(500, "uint8"), 3, (), (), (main,), (
        Signature("main", main, {}, {}),), {}, {})
    assert file.weight_bytes == 3 * 28
    assert (len(file.ops), len(file.tensors)) == (3, 9)


def test_constants_are_read_and_written_in_place(tmp_path):
    kernel = np.arange(35, dtype="float32").reshape(5, 7)
    path = tiny_tflite.write(tmp_path / "x.tflite", lambda x: x @ kernel, x=(1, 5))
    weights = reader.read(path).ops[0].inputs[1]
    np.testing.assert_array_equal(reader.read(path).array(weights), kernel.T)
    with pytest.raises(ValueError, match="read-only"):
        reader.read(path).array(weights)[...] = 0
    reader.read(path, write=True).array(weights)[2, 3] = -11
    assert reader.read(path).array(weights)[2, 3] == -11
    expected = kernel.sum(axis=0)
    expected[2] += -11 - kernel[3, 2]
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path), num_threads=1).get_signature_runner()
    np.testing.assert_allclose(run(x=np.ones((1, 5), "float32"))["y"][0], expected)
