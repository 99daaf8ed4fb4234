"""`keras_seqattn.edge.fold.repeated`: what is the same is computed once, and nothing else."""

import keras
import numpy as np
import pytest
from keras import ops
from keras_models import fill
from rewrites import EXACT, change

from keras_seqattn.edge.fold.repeated import join_repeated


def _kinds(function):
    x = keras.Input((7, 5), name="x")
    difference, graph = change(fill(keras.Model(x, function(x))), join_repeated, count=1)
    assert difference < EXACT
    return [node.kind for node in graph.nodes]


def test_a_mask_that_each_block_makes_is_made_once():
    def blocks(x):
        for _ in range(3):
            x = ops.where(ops.greater(x[:, :1], 0.5), ops.sin(x), -x)
        return x

    table = np.arange(7, dtype="float32")[:, None]
    once = _kinds(lambda x: ops.sin(ops.maximum(x, table)) * ops.cos(ops.maximum(x, table)))
    assert once == ["constant", "binary", "unary", "unary", "binary"]
    assert _kinds(blocks).count("where") == 3       # each reads what the one before made


@pytest.mark.parametrize("second", [
    lambda x: ops.sin(x) + ops.cos(x), lambda x: ops.sum(x, axis=1) + ops.sum(x, axis=1) * 0,
    lambda x: ops.maximum(x, 2.0) + ops.maximum(x, 3.0),
    lambda x: ops.subtract(x, x[:, :1]) + ops.subtract(x[:, :1], x)])
def test_what_differs_in_one_thing_stays(second):
    """Another function, setting, constant, or order; the sums over one axis are the same."""
    x = keras.Input((7, 5), name="x")
    difference, _ = change(keras.Model(x, second(x)), join_repeated, count=1)
    assert difference < EXACT


def test_layers_with_weights_stay_apart():
    dense = keras.layers.Dense(5)
    assert _kinds(lambda x: dense(x) * keras.layers.Dense(5)(x)).count("dense") == 2


def test_outputs_that_are_the_same_keep_their_names():
    x = keras.Input((7, 5), name="x")
    model = keras.Model(x, {"a": ops.sin(x), "b": ops.sin(x)})
    difference, graph = change(model, join_repeated, count=1)
    assert difference < EXACT
    assert list(graph.outputs) == ["a", "b"]
    assert [node.kind for node in graph.nodes] == ["unary"]
