"""`keras_seqattn.edge.tflite.write.writer`: the kinds that are written, and the table of them."""

import keras
import numpy as np
import pytest
from kind_examples import EXAMPLES
from kinds_table import LAYERS, README, graph_of_layer, written
from written import check, kinds, model_of, run_file

from keras_seqattn.edge.graph.kinds import KINDS
from keras_seqattn.edge.lower.trace import lower_function
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.write import writer

pytestmark = pytest.mark.edge


def test_every_kind_but_calls_is_written_and_has_an_example():
    assert set(writer.WRITERS) == set(KINDS) - {"call"} == set(EXAMPLES)


def test_the_table_of_the_readme_is_that_of_today():
    """`python tests/edge/kinds_table.py` writes it."""
    assert README.read_text(encoding="utf-8") == written()


@pytest.mark.parametrize("name", LAYERS)
def test_no_layer_of_the_table_is_left(name):
    assert "call" not in kinds(graph_of_layer(name))


def test_an_output_that_is_an_input_is_a_tensor_of_its_own(tmp_path):
    check(model_of(lambda x: [x, keras.ops.tanh(x), x], (7,)), tmp_path / "x.tflite")


def test_a_constant_leaves_by_a_tensor_of_its_own_and_no_op(tmp_path):
    """GPUs refuse an op of constants alone; two equal constants are two outputs."""
    def start(x):
        zeros, place = keras.ops.zeros((1, 2, 3)), keras.ops.full((), 5, "int32")
        return {"memory": x + zeros[0, 0, 0], "first": zeros, "second": zeros, "place": place}

    path = tmp_path / "x.tflite"
    graph = lower_function(start, {"x": keras.KerasTensor((1, 7, 5), name="x")})
    made = run_file(path, graph, {"x": np.ones((1, 7, 5), "float32")})
    assert (made["first"] == 0).all()
    assert (made["second"] == 0).all()
    assert made["place"] == 5
    (signature,) = reader.read(path).signatures
    assert signature.shared == []
    assert all(any(not each.is_constant for each in op.given) for op in signature.graph.ops)
