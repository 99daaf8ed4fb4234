"""`keras_seqattn.edge.tflite.write.moves`: what moves numbers, in a file as in Keras."""

import numpy as np
import pytest
from keras import ops
from written import check, check_kind, examples, model_of

from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.write import moves

pytestmark = pytest.mark.edge


@pytest.mark.parametrize(("kind", "example"), examples(moves.WRITERS))
def test_the_file_computes_what_the_kind_does(kind, example, tmp_path):
    check_kind(kind, example, tmp_path / "x.tflite")


def _ops(path, function, *shapes):
    """Ops of a function's file, which computes what Keras does."""
    check(model_of(function, *shapes), path, atol=0)
    return [op.name for op in reader.read(path).ops]


@pytest.mark.parametrize("count", [5, 6, 9, 10, 23])
def test_many_tensors_are_joined_by_fives(count, tmp_path):
    path = tmp_path / "x.tflite"
    check(model_of(lambda *xs: ops.concatenate(xs, axis=1), *[(3, 2)] * count), path, atol=0)
    joined = [len(op.inputs) for op in reader.read(path).ops if op.name == "CONCATENATION"]
    assert max(joined) <= moves.JOINED
    assert sum(joined) - len(joined) + 1 == count


def test_many_integers_are_joined_at_once(tmp_path):
    path = tmp_path / "x.tflite"
    check(model_of(lambda *xs: ops.concatenate(xs, axis=1), *[((3, 2), "int32")] * 7), path)
    assert [len(op.inputs) for op in reader.read(path).ops] == [7]


@pytest.mark.parametrize("places", [
    np.s_[:, ::2, ::2], np.s_[:, 1::2, ::3], np.s_[:, 2::3], np.s_[:, :, :, ::2],
    np.s_[:, 1:5, ::2, 1:], np.s_[:, ::3, 1:, ::5], np.s_[:, ::4]])
def test_strides_up_to_the_end_are_slices(places, tmp_path):
    """Also where the last stride is cut short, as an axis of 7 by 2, 3 or 4."""
    assert "STRIDED_SLICE" not in _ops(tmp_path / "x.tflite", lambda x: x[places], (6, 7, 5))


@pytest.mark.parametrize("places", [np.s_[:, 1:4:2], np.s_[:, 3::2], np.s_[:, :, 1::2]])
def test_other_strides_keep_their_op(places, tmp_path):
    assert "STRIDED_SLICE" in _ops(tmp_path / "x.tflite", lambda x: x[places], (6, 7, 5))


def test_changes_of_shape_in_a_row_are_one(tmp_path):
    """A transposition of what has one number on an axis is a change of shape too."""
    def function(x):
        y = ops.transpose(ops.reshape(x, (1, 6, 1, 35)), (0, 2, 1, 3))
        return ops.sin(ops.reshape(y, (1, 42, 5)))

    assert _ops(tmp_path / "x.tflite", function, (6, 7, 5)) == ["RESHAPE", "SIN"]
    assert _ops(tmp_path / "y.tflite", lambda x: ops.sin(ops.reshape(function(x), (1, 42, 5))),
                (6, 7, 5)) == ["RESHAPE", "SIN", "SIN"]


def test_what_others_read_between_two_changes_of_shape_stays(tmp_path):
    def function(x):
        y = ops.reshape(x, (1, 42, 5))
        return ops.sin(y), ops.cos(ops.reshape(y, (1, 6, 35)))

    assert sorted(_ops(tmp_path / "x.tflite", function, (6, 7, 5))) == [
        "COS", "RESHAPE", "RESHAPE", "SIN"]
