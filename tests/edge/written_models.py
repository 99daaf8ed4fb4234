"""A model as the files that the house writes by itself, beside what Keras computes."""

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_seqattn.edge.fold.fold import fold
from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite.quantize import stages
from keras_seqattn.edge.tflite.write.writer import SIGNATURE

PRECISIONS = ("float32", "dynamic_wi8_afp32")


def check(model, inputs, folder):
    """Each precision's file gives what Keras gives, within what the precision allows.

    Fails where a node would have to go through TensorFlow's converter.
    """
    graph = fold(lower(model))
    assert stages.unknown(graph) == [], graph.notes
    given = keras.tree.pack_sequence_as(model.input, list(inputs.values()))
    expected = dict(zip(graph.outputs, map(
        keras.ops.convert_to_numpy, keras.tree.flatten(model(given, training=False))),
        strict=True))
    for precision in PRECISIONS:
        path = folder / f"{precision}.tflite"
        stages.write({SIGNATURE: graph}, path, precision, None, folder)
        made = Interpreter(str(path), num_threads=1).get_signature_runner()(**inputs)
        errors = {name: _error(made[name], array) for name, array in expected.items()}
        assert max(errors.values()) < ALL_PRECISIONS[precision].tolerance, (precision, errors)


def _error(made, expected):
    """Root mean square of the errors as a share of that of what is expected."""
    assert made.shape == expected.shape
    size = np.sqrt(np.square(expected, dtype="float64").mean())
    assert size > 0
    return float(np.sqrt(np.square(made - expected, dtype="float64").mean()) / size)
