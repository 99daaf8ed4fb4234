"""`keras_seqattn.edge.tflite.write.body`: the tables of a file while it is written."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.write.body import Content
from keras_seqattn.edge.tflite.write.loops import distinct
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
FACTOR = np.array([2, 3, 5], "float32")


def _signed(content, name, function):
    """A body that programs run: from one tensor to one."""
    body = content.body(name)
    x = body.input("x", (1, 3), "float32")
    y, = distinct(body, [function(body, x)], {x.index})
    body.output(y)
    content.sign(name, body, {"x": x}, {"y": y})


def _times(body, x):
    return body.op("MUL", x, body.constant(FACTOR), fusedActivationFunction="NONE")


def _run(path, name, x):
    return Interpreter(str(path)).get_signature_runner(name)(x=np.array([x], "float32"))["y"]


@pytest.fixture
def saved(tmp_path):
    """Function from a `Content` to what `reader.read` gives of its file."""
    def save(content):
        content.save(tmp_path / "x.tflite")
        return reader.read(tmp_path / "x.tflite"), tmp_path / "x.tflite"
    return save


def test_a_signature_runs_its_body(saved):
    content = Content()
    _signed(content, "once", _times)
    _signed(content, "twice", lambda body, x: _times(body, _times(body, x)))
    file, path = saved(content)
    assert [each.name for each in file.signatures] == ["once", "twice"]
    np.testing.assert_array_equal(_run(path, "once", [1, 1, 1]), [FACTOR])
    np.testing.assert_array_equal(_run(path, "twice", [1, 1, 1]), [FACTOR ** 2])


def test_a_constant_is_stored_once(saved):
    """In both bodies, and under another shape; what has other bytes is another."""
    content = Content()
    for name in ("a", "b"):
        _signed(content, name, _times)
    _signed(content, "c", lambda body, x: body.op(
        "MUL", x, body.constant(FACTOR[None]), fusedActivationFunction="NONE"))
    file, _ = saved(content)
    factors = [tensor.buffer for tensor in file.tensors if tensor.is_constant]
    assert len(factors) == 3
    assert len(set(factors)) == 1
    body = content.body("d")
    assert len({content.buffer(each) for each in (
        FACTOR, 2 * FACTOR, np.zeros(3, "float32"), np.zeros(3, "int32"))}) == 3
    assert body.constant(np.zeros(3, "float32")) != body.constant(np.zeros(3, "int32"))


def test_floats_are_float32():
    assert Content().body("a").constant(0.5).dtype == "float32"


def test_tensors_have_names_of_their_own(saved):
    content = Content()
    for name in ("a", "b"):
        _signed(content, name, lambda body, x: _times(body, _times(body, x)))
    file, _ = saved(content)
    names = [tensor.name for tensor in file.tensors]
    assert len(set(names)) == len(names)


def test_an_input_that_leaves_is_a_tensor_of_its_own(saved):
    content = Content()
    _signed(content, "same", lambda body, x: x)
    _signed(content, "fixed", lambda body, x: body.constant(FACTOR[None]))
    file, path = saved(content)
    for signature in file.signatures:
        assert signature.inputs["x"] is not signature.outputs["y"]
        assert not signature.outputs["y"].is_constant
    np.testing.assert_array_equal(_run(path, "same", [7, 1, 3]), [[7, 1, 3]])
    np.testing.assert_array_equal(_run(path, "fixed", [7, 1, 3]), [FACTOR])


@pytest.mark.parametrize(("op", "shapes", "options", "received"), [
    ("ADD", [(1, 3), (1, 2)], {}, {"shapes": ((1, 3), (1, 2))}),
    ("FULLY_CONNECTED", [(1, 3), (5, 2)], {}, {"x": (1, 3), "kernel": (5, 2)}),
    ("BATCH_MATMUL", [(1, 3, 5), (1, 3, 5)], {}, {"shapes": ((1, 3, 5), (1, 3, 5))}),
    ("CONV_2D", [(1, 3, 3, 2), (5, 7, 7, 2)], {"padding": "VALID", "strideH": 1, "strideW": 1},
     {"image": (1, 3, 3, 2), "window": (7, 7)})])
def test_an_op_whose_tensors_do_not_fit_is_refused(op, shapes, options, received):
    body = Content().body("a")
    inputs = [body.input(str(place), shape, "float32") for place, shape in enumerate(shapes)]
    check_error(lambda: body.op(op, *inputs, **options), **received)


def test_types_that_do_not_fit_are_refused():
    body = Content().body("a")
    x, ids = body.input("x", (1, 3), "float32"), body.input("ids", (1, 3), "int32")
    check_error(lambda: body.op("ADD", x, ids), dtypes=("float32", "int32"))
    check_error(lambda: body.op("TANH", ids), dtype="int32")
