"""`keras_seqattn.edge.tflite.op_versions`: those that TensorFlow sets, none where unknown."""

import keras
import numpy as np
import pytest
from converted import converted

from keras_seqattn.edge.tflite import op_versions, reader
from keras_seqattn.edge.tflite.file import Buffer, Code, Op, Tensor

pytestmark = pytest.mark.edge


@pytest.mark.parametrize("whole_integer", [False, True])
def test_versions_are_those_that_tensorflow_sets(tmp_path, whole_integer):
    """TensorFlow's own quantiser sets op versions and the oldest runtime; ours must not differ."""
    import tensorflow as tf

    inputs = keras.Input((11, 13), name="x")
    x = keras.layers.Conv1D(7, 3)(inputs)
    x = keras.layers.Dense(13, activation="tanh")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x))
    path = converted(model, tmp_path / "x.tflite")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(path.with_suffix("")))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if whole_integer:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        draw = np.random.default_rng(3)
        converter.representative_dataset = lambda: (
            [draw.normal(size=(1, 11, 13)).astype("float32")] for _ in range(5))
    path.write_bytes(converter.convert())
    file = reader.read(path)
    assert op_versions.needed(file) == {code: code.version for code in file.codes}
    said = file.data(file.metadata["min_runtime_version"]).tobytes()
    assert op_versions.minimum(path) == said.rstrip(b"\0").decode()


def test_an_op_that_is_not_in_the_sources_has_no_oldest_runtime(plain, tmp_path):
    from ai_edge_quantizer import quantizer, recipe

    quantize = quantizer.Quantizer(str(plain["float32"]), recipe.dynamic_wi4_afp32())
    quantize.quantize().export_model(str(tmp_path / "x.tflite"))
    found = {code.name: version
             for code, version in op_versions.needed(reader.read(tmp_path / "x.tflite")).items()}
    assert found["FULLY_CONNECTED"] is None
    assert found["GELU"] == 1
    assert op_versions.minimum(tmp_path / "x.tflite") is None


@pytest.mark.parametrize(("name", "custom", "dtypes", "scales", "version"), [
    ("FULLY_CONNECTED", False, ("float32", "int8"), 1, 9),
    ("FULLY_CONNECTED", False, ("float32", "int8"), 7, 12),
    ("FULLY_CONNECTED", False, ("int8", "int4"), 7, 10),
    ("FULLY_CONNECTED", False, ("float32", "int4"), 7, None),
    ("SPLIT", False, ("int32", "int8"), 0, 2),         # its axis comes first
    ("ADD", False, ("int16", "int16"), 0, 3),
    ("ADD", True, ("float32", "float32"), 0, None),    # somebody's own, of a builtin's name
    ("RARE", False, ("float32", "float32"), 0, 1),
])
def test_the_version_of_one_op_by_its_types(name, custom, dtypes, scales, version):
    steps = tuple([0.5] * scales)
    tensors = [Tensor(i, "x", (7, 7), dtype, Buffer(0, 0, 0), steps if i else ())
               for i, dtype in enumerate(dtypes)]
    op = Op(Code(name, custom, 1, 0, 0), tuple(tensors), (tensors[0],), False)
    assert op_versions._version(op) == version
