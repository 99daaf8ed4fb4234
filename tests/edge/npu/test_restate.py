"""`keras_seqattn.edge.npu.restate`: integers become the floats that they stand for."""

import keras
import numpy as np
import pytest

from keras_seqattn import edge
from keras_seqattn.edge.npu.restate import restate
from keras_seqattn.edge.tflite import reader

pytestmark = pytest.mark.edge


@pytest.fixture(scope="module")
def mixed_up():
    """Tokens through a table, a convolution, a depthwise one, and two wide dense layers."""
    keras.utils.set_random_seed(3)
    ids = keras.Input((7,), dtype="int32", name="ids")
    x = keras.layers.Embedding(53, 64, name="table")(ids)
    y = keras.layers.Reshape((7, 1, 64))(x)
    y = keras.layers.Conv2D(64, (3, 1), padding="same", name="wide")(y)
    y = keras.layers.DepthwiseConv2D((3, 1), padding="same", name="deep")(y)
    y = keras.layers.Dense(64, name="before")(keras.layers.Flatten()(y))
    return keras.Model(ids, keras.layers.Dense(5, name="logits")(y))


def _restated(model, tmp_path, precision):
    source, out = tmp_path / "source.tflite", tmp_path / "out.tflite"
    edge.export(model, source, precision, advise=False)
    return source, out, restate(source, out)


def _constants(path, *ops):
    """Each op's constant weights by the first name of the op's output."""
    graph = reader.read(path).graphs[0]
    return {op.outputs[0].name: [each for each in op.given if each.is_constant]
            for op in graph.ops if op.name in ops}


def test_all_but_dense_layers_read_floats_and_give_the_same(mixed_up, tmp_path):
    source, out, names = _restated(mixed_up, tmp_path, "dynamic_wi8_afp32")
    assert len(names) == 3
    found = _constants(out, "CONV_2D", "DEPTHWISE_CONV_2D", "EMBEDDING_LOOKUP")
    assert len(found) == 3
    assert {each.dtype for row in found.values() for each in row} == {"float32"}
    dense = _constants(out, "FULLY_CONNECTED").values()
    assert {row[0].dtype for row in dense} == {"int8"}
    assert "DEQUANTIZE" not in [op.name for op in reader.read(out).ops]
    ids = np.arange(21).reshape(3, 7).astype("int32")
    given, made = edge.load(source)(ids), edge.load(out)(ids)   # activations are rounded in one
    assert np.abs(made - given).max() < 0.05 * np.abs(given).max()


def test_a_table_and_stored_weights_are_restated_exactly(tmp_path):
    ids = keras.Input((7,), dtype="int32", name="ids")
    x = keras.layers.Embedding(53, 61, name="table")(ids)
    x = keras.layers.DepthwiseConv1D(3, name="deep")(x)
    source, out, names = _restated(keras.Model(ids, x), tmp_path, "dynamic_wi8_afp32")
    assert len(names) == 2
    given = np.arange(21).reshape(3, 7).astype("int32")
    np.testing.assert_allclose(edge.load(out)(given), edge.load(source)(given), rtol=1e-5,
                               atol=1e-6)


def test_four_bits_in_blocks_are_within_half_a_step_of_the_weights(mixed_up, tmp_path):
    _, out, names = _restated(mixed_up, tmp_path, "dynamic_wi4_afp32")
    assert any("before" in name for name in names)
    found = next(row[0] for name, row in _constants(out, "FULLY_CONNECTED").items()
                 if name.startswith("before"))
    assert found.dtype == "float32"
    made = reader.read(out).array(found)
    kernel = mixed_up.get_layer("before").kernel.numpy().T
    blocks = np.abs(kernel).reshape(64, -1, 32)
    assert np.abs(made - kernel).reshape(blocks.shape).max(axis=2).max() < (
        blocks.max(axis=2) / 7).max()
    assert np.corrcoef(made.ravel(), kernel.ravel())[0, 1] > 0.97
    assert len(np.unique(made.reshape(64, -1, 32)[5, 3])) <= 15


def test_a_float_file_has_nothing_to_restate(portable, tmp_path):
    assert restate(portable, tmp_path / "out.tflite") == []
    assert not (tmp_path / "out.tflite").exists()
