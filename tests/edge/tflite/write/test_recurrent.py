"""`keras_seqattn.edge.tflite.write.recurrent`: the fused op and loops over positions."""

import keras
import pytest
from written import check, check_kind, examples, model_of

from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.write import recurrent

pytestmark = pytest.mark.edge


@pytest.mark.parametrize(("kind", "example"), examples(recurrent.WRITERS))
def test_the_file_computes_what_the_kind_does(kind, example, tmp_path):
    check_kind(kind, example, tmp_path / "x.tflite")


def test_layers_of_lstm_leave_no_op_of_xnnpack_between_them(tmp_path):
    """So what XNNPACK runs is one piece before them and one behind."""
    path = tmp_path / "x.tflite"
    check(model_of(lambda x: keras.layers.LSTM(3)(keras.layers.LSTM(5, return_sequences=True)(x)),
                   (11, 2)), path)
    ops = list(reader.read(path).ops)
    fused = [op for op in ops if op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM"]
    made = {tensor.index: op for op in ops for tensor in op.outputs}

    def reads_fused(tensor):
        op = made.get(tensor.index)
        return op in fused or (op is not None and any(map(reads_fused, op.given)))

    assert len(fused) == 2
    states = [tensor for op in fused for tensor in op.given if tensor.index in made][1:]
    assert sum(map(reads_fused, states)) == 1       # the sequence, and no state
