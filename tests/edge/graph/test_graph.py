"""`keras_seqattn.edge.graph.graph`: nodes, who makes and reads their values, and their outputs."""

import contextlib
import sys

import keras
import numpy as np
import pytest
from keras_models import MODELS

from keras_seqattn.edge.graph.graph import Graph, Links
from keras_seqattn.edge.lower.trace import lower


@pytest.fixture
def graph():
    """`x` through two dense nodes, one behind a mean, and a norm that nobody reads."""
    graph = Graph()
    graph.inputs["x"] = x = graph.new_value()
    kernel = np.array([[2.0, 0.0], [0.0, 3.0]])
    a = graph.add("dense", "a", [x], {"kernel": kernel, "bias": None})
    mean = graph.add("mean", "mean", [a])
    graph.outputs["y"] = graph.add("dense", "b", [mean], {"kernel": kernel})
    graph.add("norm", "unread", [a])
    return graph


def test_an_unknown_kind_is_refused():
    graph = Graph()
    with pytest.raises(ValueError, match=r"kind='dens', name='head'\. .* did you mean 'dense'"):
        graph.add("dens", "head", [])
    assert graph.nodes == []


def test_outputs_by_hand(graph):
    made = graph.run({"x": np.array([[[1.0, 5.0], [3.0, 7.0]]])})
    np.testing.assert_array_equal(made["y"], [[2 * 2 * 2.0, 6 * 3 * 3.0]])


def test_a_caller_may_give_other_weights_and_sees_each_node_begin(graph):
    begun = []

    def scope(name):
        begun.append(name)
        return contextlib.nullcontext()

    made = graph.run({"x": np.ones((1, 3, 2))}, lambda node, key: 10 * node.weights[key], scope)
    np.testing.assert_array_equal(made["y"], [[400.0, 900.0]])
    assert begun == ["a", "mean", "b", "unread"]


def test_a_graph_runs_without_tensorflow(graph, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert set(graph.run({"x": np.ones((1, 3, 2))})) == {"y"}


def test_what_no_output_needs_is_dropped(graph):
    graph.drop_unread()
    assert [node.name for node in graph.nodes] == ["a", "mean", "b"]


def test_links_tell_who_makes_and_who_reads(graph):
    links, (a, mean, b, unread) = Links(graph), graph.nodes
    assert links.maker(graph.inputs["x"]) is None
    assert links.maker(a.outputs[0]) is a
    assert links.users(a.outputs[0]) == [mean, unread]
    assert links.users(b.outputs[0]) == []


def test_dense_readers_are_found_behind_means_and_only_if_alone(graph):
    links, (a, mean, b, _) = Links(graph), graph.nodes
    assert links.dense_readers(graph.inputs["x"]) == [a]
    assert links.dense_readers(mean.outputs[0]) == [b]
    assert links.dense_readers(a.outputs[0]) == []           # the norm reads it too
    graph.drop_unread()
    assert Links(graph).dense_readers(a.outputs[0]) == [b]
    graph.outputs["pooled"] = mean.outputs[0]
    assert links.dense_readers(mean.outputs[0]) == []        # it leaves the graph


@pytest.mark.parametrize("name", ["mean", "token", "nested"])
def test_bytes_count_every_weight(name):
    model = MODELS[name]()
    assert lower(model).num_bytes() == 4 * model.count_params()


class Foreign(keras.layers.Layer):
    """A layer that computes with TensorFlow's functions."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(11, 5), name="factor")

    def call(self, inputs):
        import tensorflow as tf

        return tf.tanh(inputs) * tf.reduce_sum(self.factor)


def test_a_layer_that_is_called_twice_counts_once():
    x, layer = keras.Input((7,), name="x"), Foreign()
    graph = lower(keras.Model(x, layer(layer(x))))
    assert [node.kind for node in graph.nodes] == ["call", "call"]
    assert graph.called_layers() == [layer]
    assert graph.num_bytes() == 4 * 11 * 5


def test_the_numbers_of_an_inner_graph_are_its_own():
    graph = Graph()
    mine = [graph.new_value(), graph.new_value()]
    inner = graph.inner()
    theirs = [inner.new_value(), inner.new_value()]
    graph.skip(inner)
    mine.append(graph.new_value())
    assert len({*mine, *theirs}) == 5


def test_examples_are_computed_one_after_the_other(graph):
    """So a graph whose sizes are those of one example computes many."""
    graph.drop_unread()
    graph.outputs["y"] = graph.add("reshape", "flat", [graph.outputs["y"]], shape=(2,))
    x = np.arange(18.0).reshape(3, 3, 2)
    made = graph.run_all({"x": x})["y"]
    assert made.shape == (6,)
    np.testing.assert_array_equal(made[2:4], graph.run({"x": x[1:2]})["y"])
