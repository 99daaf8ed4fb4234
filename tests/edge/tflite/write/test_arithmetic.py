"""`keras_seqattn.edge.tflite.write.arithmetic`: arithmetic, reductions, products."""

import pytest
from keras import ops
from written import check, check_kind, examples, model_of

from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.write import arithmetic

pytestmark = pytest.mark.edge


@pytest.mark.parametrize(("kind", "example"), examples(arithmetic.WRITERS))
def test_the_file_computes_what_the_kind_does(kind, example, tmp_path):
    check_kind(kind, example, tmp_path / "x.tflite")


@pytest.mark.parametrize(("function", "left"), [
    (lambda x, y: ops.relu(x + y), ["ADD"]), (lambda x, y: ops.relu6(9 * (x - y)), ["SUB", "MUL"]),
    (lambda x, y: ops.relu(ops.relu(x * y)), ["MUL", "RELU"]),
    (lambda x, y: ops.tanh(x / (y * y + 1)), ["MUL", "ADD", "DIV", "TANH"]),
    (lambda x, y: ops.relu(ops.maximum(x, y)), ["MAXIMUM", "RELU"])])
def test_arithmetic_clips_what_it_makes_itself(function, left, tmp_path):
    path = tmp_path / "x.tflite"
    check(model_of(function, (5, 7), (5, 7)), path)
    assert [op.name for op in reader.read(path).ops] == left


def test_what_is_read_before_it_is_clipped_stays(tmp_path):
    check(model_of(lambda x, y: [ops.relu(x + y), ops.sin(x + y), x + y], (5, 7), (5, 7)),
          tmp_path / "x.tflite")


def test_integers_are_not_clipped_by_an_op_of_floats(tmp_path):
    path = tmp_path / "x.tflite"
    check(model_of(lambda x, y: ops.relu(x - y), ((5, 7), "int32"), ((5, 7), "int32")), path)
    assert [op.name for op in reader.read(path).ops] == ["SUB", "MAXIMUM"]
