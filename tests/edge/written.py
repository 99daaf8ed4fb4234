"""Models as graphs and as the writer's files, compared with Keras."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from kind_examples import EXAMPLES, num_outputs

from keras_seqattn.edge.fold.fold import fold
from keras_seqattn.edge.graph.graph import Graph
from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.edge.tflite.write import writer

SEED, LARGEST_ID = 7, 5


def model_of(function, *specs):
    """A model of a layer, or of a function of tensors; its inputs are named `x0`, `x1` and so on.

    A spec is a shape without the batch, or a pair of a shape and a dtype.
    """
    pairs = [spec if isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[1], str)
             else (spec, "float32") for spec in specs]
    inputs = [keras.Input(shape, name=f"x{place}", dtype=dtype)
              for place, (shape, dtype) in enumerate(pairs)]
    return fill(keras.Model(inputs, function(*inputs)))


def fill(model):
    """Draws all weights; variances and the like are above 0."""
    rng = np.random.default_rng(SEED)
    for weight in model.weights:
        if weight.dtype.startswith("float"):
            drawn = rng.normal(size=weight.shape, scale=0.4)
            weight.assign(0.1 + np.abs(drawn) if "var" in weight.name else drawn)
    return model


def draw(model, seed=SEED):
    """Values of a model's inputs by name."""
    rng = np.random.default_rng(seed)
    drawn = {}
    for tensor in model.inputs:
        shape = (1, *tensor.shape[1:])
        if tensor.dtype == "bool":
            drawn[tensor.name] = rng.random(shape) < 0.6
        elif "int" in tensor.dtype:
            drawn[tensor.name] = rng.integers(0, LARGEST_ID, shape).astype(tensor.dtype)
        else:
            drawn[tensor.name] = rng.normal(size=shape).astype(tensor.dtype)
    return drawn


def run_file(path, graph, inputs):
    """Outputs of a graph's file, by name."""
    graph.specs = {name: (each.shape, each.dtype.name) for name, each in inputs.items()}
    writer.write({writer.SIGNATURE: graph}, path)
    return Interpreter(str(path)).get_signature_runner()(**inputs)


def keras_outputs(model, graph, inputs):
    """Outputs of a model by the graph's names for them."""
    values = model([inputs[tensor.name] for tensor in model.inputs], training=False)
    return dict(zip(graph.outputs, map(
        keras.ops.convert_to_numpy, keras.tree.flatten(values)), strict=True))


def check(model, path, inputs=None, atol=1e-5):
    """Graph and file of a model give what Keras gives; returns the graph."""
    inputs = draw(model) if inputs is None else inputs
    graph = lower(model)
    assert [node.name for node in graph.nodes if node.kind == "call"] == [], graph.notes
    expected = keras_outputs(model, graph, inputs)
    for made in (graph.run(inputs), run_file(path, graph, inputs)):
        for name, values in expected.items():
            actual = np.asarray(made[name])
            assert actual.shape == values.shape
            assert actual.dtype == values.dtype or values.dtype == "int64"
            np.testing.assert_allclose(actual, values, atol=atol, rtol=1e-5, err_msg=name)
    return graph


def examples(kinds_of_file):
    """Parameters of a test: each kind with each of its examples."""
    return [pytest.param(kind, example, id=f"{kind}-{place}") for kind in kinds_of_file
            for place, example in enumerate(EXAMPLES[kind])]


def graph_of(kind, example):
    """A graph of one node, and its inputs by name; floats are float32."""
    inputs, weights, settings = example
    graph = Graph()
    graph.inputs = {f"x{place}": graph.new_value() for place in range(len(inputs))}
    values = graph.add_many(num_outputs(kind, settings), kind, kind, graph.inputs.values(),
                            {name: _single(array) for name, array in weights.items()}, **settings)
    graph.outputs = {f"y{place}": value for place, value in enumerate(values)}
    return graph, dict(zip(graph.inputs, map(_single, inputs), strict=True))


def _single(array):
    array = np.asarray(array)
    return array.astype("float32") if array.dtype == "float64" else array


def check_kind(kind, example, path, atol=1e-5):
    """The file of one node gives what its kind computes; returns what the file gives."""
    graph, inputs = graph_of(kind, example)
    made = run_file(path, graph, inputs)
    for name, expected in graph.run(inputs).items():
        expected = keras.ops.convert_to_numpy(expected)
        assert made[name].dtype == expected.dtype
        np.testing.assert_allclose(made[name], expected, atol=atol, rtol=1e-5)
    return made


def kinds(graph):
    """Kinds of a graph's nodes, in order."""
    return [node.kind for node in graph.nodes]


def differences(model, inputs, path):
    """Largest difference of each output from Keras, as a share of its largest number.

    Fails where a node would have to go through TensorFlow's converter.
    """
    graph = fold(lower(model))
    assert writer.unknown(graph) == [], graph.notes
    made = run_file(path, graph, inputs)
    given = keras.tree.pack_sequence_as(model.input, list(inputs.values()))
    expected = map(np.asarray, keras.tree.flatten(model(given, training=False)))
    found = {}
    for name, array in zip(graph.outputs, expected, strict=True):
        assert made[name].shape == array.shape
        assert np.isfinite(array).all()
        assert np.abs(array).max() > 0
        found[name] = float(np.abs(made[name] - array).max() / np.abs(array).max())
    return found
