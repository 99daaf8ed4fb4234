"""`keras_seqattn.edge.tflite.converter.convert`: from a SavedModel to a rewritten file."""

import keras
import numpy as np
import pytest

from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.converter import convert

pytestmark = pytest.mark.edge


def _saved(folder, function):
    """A SavedModel of a function of what seven ids look up."""
    table = keras.layers.Embedding(67, 64)
    table.build((1,))
    archive = keras.export.ExportArchive()
    archive.track(table)
    archive.add_endpoint(
        convert.SIGNATURE, lambda ids: {"y": function(table(ids))},
        input_signature=[keras.InputSpec(shape=(1, 7), dtype="int32", name="ids")])
    archive.write_out(str(folder), verbose=False)
    return folder


def _squared(x):
    return x @ keras.ops.transpose(x, (0, 2, 1))


def _twice(x):
    return 2 * x


@pytest.mark.parametrize(("precision", "dtype"), [
    ("float32", "float32"), ("dynamic_wi8_afp32", "int8"), ("dynamic_wi4_afp32", "int4")])
def test_a_table_is_looked_up_in_the_bits_of_the_precision(tmp_path, precision, dtype):
    saved, out = _saved(tmp_path / "saved", _twice), tmp_path / "x.tflite"
    convert.convert(saved, out, precision)
    lookup = next(op for op in reader.read(out).ops if op.name == "EMBEDDING_LOOKUP")
    assert lookup.inputs[1].dtype == dtype
    assert sorted(each.name for each in tmp_path.iterdir()) == ["saved", "x.tflite"]


@pytest.mark.filterwarnings("ignore:Warning. Enabling:UserWarning")   # AI Edge Quantizer's own
def test_examples_are_read_from_a_file(tmp_path):
    saved = _saved(tmp_path / "saved", _squared)
    np.savez(tmp_path / "x.npz", ids=np.random.default_rng(3).integers(0, 67, (37, 7), "int32"))
    convert.convert(saved, tmp_path / "x.tflite", "mixed_wi8_ai8", tmp_path / "x.npz")
    products = [op for op in reader.read(tmp_path / "x.tflite").ops if op.name == "BATCH_MATMUL"]
    assert [{tensor.dtype for tensor in op.given} for op in products] == [{"int8"}]
