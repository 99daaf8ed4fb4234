"""`keras_seqattn.edge.tflite.processors`: which processors take a file, held by the accelerator."""

import keras
import numpy as np
import pytest
from kind_examples import EXAMPLES
from written import draw, examples, graph_of, model_of, run_file

from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.edge.run import gpu
from keras_seqattn.edge.tflite import processors, reader
from keras_seqattn.edge.tflite.write.writer import SIGNATURE

pytestmark = pytest.mark.edge
BATCH = "it takes one example at a time"
IDS = ((7,), "int32")
TAKEN = {
    "dense": (keras.layers.Dense(5), (7, 3)),
    "gelu": (keras.ops.gelu, (7, 3)),
    "embedding": (keras.layers.Embedding(11, 5), IDS),
    "causal": (keras.layers.Conv1D(5, 3, padding="causal", dilation_rate=2), (7, 3)),
    "depthwise": (keras.layers.DepthwiseConv2D(3), (5, 7, 3)),
    "pad": (lambda x: keras.ops.pad(x, ((0, 0), (1, 2), (0, 3))), (7, 3)),
    "where": (lambda x: keras.ops.where(x > 0, x, 2 * x), (7, 3)),
    "update": (lambda x, y: keras.ops.slice_update(x, (0, 2, 0), y), (7, 3), (2, 3)),
    "take": (lambda x: keras.ops.take(x, [2, 0, 5], axis=1), (7, 3)),
    "dot": (lambda x, y: keras.layers.Dot(2)([x, y]), (7, 3), (5, 3))}
REFUSED = {
    "TOPK_V2": (lambda x: keras.ops.top_k(x, 3)[0], (7, 6)),
    "LOG_SOFTMAX": (keras.ops.log_softmax, (7, 3)),
    "TRANSPOSE_CONV": (keras.layers.Conv2DTranspose(3, 3), (5, 7, 3)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (keras.layers.LSTM(3), (7, 3)),
    "RESHAPE: a rank above 4": (lambda x: keras.ops.reshape(x, (1, 2, 3, 1, 5)), (6, 5)),
    "PAD: a rank below 3": (lambda x: keras.ops.pad(x, ((0, 0), (1, 2))), (7,)),
    "GATHER: indices": (lambda x: keras.ops.take(x, 2, axis=1), (7, 3))}


def _written(path, function, *specs):
    model = model_of(function, *specs)
    inputs = draw(model)
    expected = run_file(path, lower(model), inputs)
    file = reader.read(path)
    return processors.refused(file, file.signatures[0]), inputs, expected


def _check_right(path, inputs, expected, driver):
    ran = gpu.run(path, SIGNATURE, {name: each[None] for name, each in inputs.items()}, driver)
    assert ran.whole, ran.refused
    for name, values in expected.items():
        np.testing.assert_allclose(ran.outputs[name][0], values, atol=5e-4, rtol=1e-4)


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_is_right_on_the_accelerator(vulkan, tmp_path, name):
    path = tmp_path / "x.tflite"
    reasons, inputs, expected = _written(path, *TAKEN[name])
    assert reasons == []
    assert processors.taken(path) == {"cpu": [SIGNATURE], "gpu": [SIGNATURE]}
    _check_right(path, inputs, expected, vulkan)


@pytest.mark.parametrize("start", REFUSED)
def test_what_the_accelerator_refuses_or_misreads_is_told_by_op(tmp_path, start):
    path = tmp_path / "x.tflite"
    reasons, *_ = _written(path, *REFUSED[start])
    assert any(reason.startswith(start) for reason in reasons), reasons
    assert processors.taken(path)["gpu"] == []


def test_several_examples_in_a_run_are_refused(tmp_path):
    """The accelerator pads the wrong axis of them."""
    model = model_of(keras.ops.tanh, (7, 3))
    path = tmp_path / "x.tflite"
    run_file(path, lower(model), {"x0": np.zeros((2, 7, 3), "float32")})
    file = reader.read(path)
    assert processors.refused(file, file.signatures[0]) == [BATCH]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "example"), examples(EXAMPLES))
def test_no_kind_is_taken_that_the_accelerator_computes_wrongly(vulkan, tmp_path, kind, example):
    path = tmp_path / "x.tflite"
    graph, inputs = graph_of(kind, example)
    expected = run_file(path, graph, inputs)
    file = reader.read(path)
    if processors.refused(file, file.signatures[0]) in ([], [BATCH]):
        _check_right(path, inputs, expected, vulkan)
