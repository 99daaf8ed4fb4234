"""Features between norms and dense layers on one scale, by what examples make of them.

Sources:

- Xiao et al. 2023, "SmoothQuant", section 4
- Li et al. 2023, "RepQ-ViT", section 3.2
"""

import copy

import numpy as np

from keras_seqattn.edge.fold.formulas import balance
from keras_seqattn.edge.graph.graph import Graph, Links


def balance_norms(graph: Graph, ranges: dict[str, np.ndarray]) -> None:
    """Evens out the features between norms and their readers (SmoothQuant).

    A norm gets the scale `1/r`, and its readers get `diag(r)·W`. The price is one product.

    Args:
        graph: Folded `Graph`; changes in place.
        ranges: What `feature_ranges` found, arrays `(D,)` by the name of a dense node.
    """
    links = Links(graph)
    for norm in [node for node in graph.nodes if node.kind == "norm" and not node.weights]:
        readers = links.dense_readers(norm.outputs[0])
        known = [node for node in readers if node.name in ranges]
        if known and len(known) == len(readers):
            extent = np.max([ranges[node.name] for node in known], axis=0)
            rows = np.max([np.abs(node.weights["kernel"]).max(axis=1) for node in known], axis=0)
            factors = balance(extent, rows)
            norm.weights["scale"] = 1.0 / factors
            for node in readers:
                node.weights["kernel"] = node.weights["kernel"] * factors[:, None]


def feature_ranges(graph: Graph, examples: dict[str, np.ndarray], batch_size: int = 16,
                   ) -> dict[str, np.ndarray]:
    """Largest magnitude of each feature of what enters a graph's dense nodes.

    Args:
        graph: `Graph`.
        examples: `{input: array (n, …)}`.
        batch_size: Examples computed at a time.

    Returns:
        Dictionary of arrays `(D,)` by the name of the node.
    """
    probe = copy.copy(graph)
    probe.outputs = {node.name: node.inputs[0] for node in graph.nodes if node.kind == "dense"}
    ranges: dict[str, np.ndarray] = {}
    for start in range(0, len(next(iter(examples.values()))), batch_size):
        made = probe.run_all({name: array[start:start + batch_size]
                              for name, array in examples.items()})
        for name, tensor in made.items():
            values = np.abs(np.asarray(tensor)).reshape(-1, tensor.shape[-1]).max(axis=0)
            ranges[name] = np.maximum(ranges.get(name, 0.0), values)
    return ranges
