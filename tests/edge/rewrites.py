"""What a rewrite of a graph changes, for the tests of `edge.fold`."""

import numpy as np
from keras_models import draw

from keras_seqattn.edge.lower.trace import lower

EXACT = 1e-10  # in float64, where only sums in another order differ


def change(model, rule, seed=1, count=3):
    """Largest difference that a rule makes to any output in float64, and the graph."""
    inputs = {name: array.astype("float64") if array.dtype.kind == "f" else array
              for name, array in draw(model, count, seed).items()}
    before, graph = lower(model, dtype="float64").run_all(inputs), lower(model, dtype="float64")
    rule(graph)
    after = graph.run_all(inputs)
    return max(float(np.abs(np.asarray(before[name]) - np.asarray(after[name])).max())
               for name in before), graph


def ranges_of(graph):
    """Any positive range for each dense node."""
    rng = np.random.default_rng(5)
    return {node.name: rng.uniform(0.5, 9, len(node.weights["kernel"]))
            for node in graph.nodes if node.kind == "dense"}


def named(graph, name):
    """The node of a name."""
    node, = (node for node in graph.nodes if node.name == name)
    return node
