"""Streams on the edge: a file that is given its own state reads as Keras reads the whole."""

import keras
import numpy as np
import pytest
from tolerances import EDGE_FLOAT32

from keras_seqattn import edge, models

pytestmark = pytest.mark.edge


@pytest.mark.parametrize(("make", "length", "ops"), [
    (lambda: models.temporal(5, 2, (None, 3), dilation_rates=(1, 2), every_step=True), 4,
     {"CONV_2D": 4, "CONCATENATION": 4, "SLICE": 4}),
    (lambda: models.recurrent("gru", 5, 2, (None, 3), every_step=True), 1, {"TANH": 1}),
])
def test_a_file_in_chunks_is_keras_in_one(rng, tmp_path, make, length, ops):
    model = make()
    model.set_weights([0.5 * rng.normal(size=weight.shape) for weight in model.weights])
    stream = models.streaming(model, length)
    report = edge.export(stream, tmp_path / "stream.tflite", precision="float32")
    assert {name: report.ops.get(name) for name in ops} == ops
    assert not report.flex_ops
    assert report.max_rank <= 4

    run = edge.load(tmp_path / "stream.tflite", threads=1)
    x = rng.normal(size=(1, 12, 3)).astype("float32")
    state = {name: np.zeros(each["shape"], "float32") for name, each in run.inputs.items()
             if name != "inputs"}
    outputs = []
    for chunk in np.split(x, 12 // length, axis=1):
        state = run({"inputs": chunk, **state})
        outputs.append(state.pop("outputs"))
    whole = keras.ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), whole, atol=EDGE_FLOAT32)
    assert np.abs(whole).max() > 0.1
