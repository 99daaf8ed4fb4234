"""`keras_seqattn.edge.tflite.rewrite.signature`: one signature as a file of its own."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from written import draw, model_of

from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.edge.tflite import reader, schema
from keras_seqattn.edge.tflite.rewrite import signature
from keras_seqattn.edge.tflite.write import writer

pytestmark = pytest.mark.edge


@pytest.mark.parametrize("behind", [False, True])
def test_a_signature_alone_computes_what_it_did_beside_another(tmp_path, monkeypatch, behind):
    """Constants behind the flatbuffer come along; those of the other signature stay away."""
    if behind:
        monkeypatch.setattr(schema, "LARGEST_INSIDE", 0)
    graphs, inputs = {}, {}
    for name, units in (("small", 3), ("large", 503)):
        model = model_of(keras.layers.Dense(units), (7, 11))
        graphs[name], inputs = lower(model), draw(model)
        graphs[name].specs = {key: (each.shape, each.dtype.name) for key, each in inputs.items()}
    path, own = tmp_path / "both.tflite", tmp_path / "own.tflite"
    writer.write(graphs, path)
    signature.alone(path, "small", own)
    (alone,) = reader.read(own).signatures
    assert alone.name == "small"
    assert own.stat().st_size < path.stat().st_size / 5
    expected, made = (Interpreter(str(each)).get_signature_runner("small")(**inputs)
                      for each in (path, own))
    for name, values in expected.items():
        np.testing.assert_array_equal(made[name], values)
