"""Constants that are multiplied and added in a row are one factor and one offset.

`(x·f + o)·g + p = x·(f·g) + (o·g + p)`. A factor alone on what enters the graph goes on into the
first product, also through a border of zeros. An offset does not: it would have to stand in the
border too. Nor do factors that differ between features, since weights of integers would lose by it.
"""

import numpy as np

from keras_seqattn.edge.fold.epilogues import FEATURES, affine
from keras_seqattn.edge.graph.graph import Graph, Links, Node

ZEROS = {"mode": "constant", "value": 0}    # settings of a border
FAR = 100   # offsets beyond it would cost a float32 digits that subtracting first keeps


def join_factors(graph: Graph) -> None:
    """Joins factors and offsets in a row, and gives the first product those of what enters."""
    _join(graph)
    links = Links(graph)
    for node in graph.nodes:
        if node.kind in FEATURES:
            _absorb(graph, links, node)


def _join(graph):
    links = Links(graph)
    makers: dict[int, Node] = {}
    for node in graph.nodes:
        for value in node.inputs if node.kind in ("scale", "binary") else ():
            before = makers.get(value)
            behind = affine(node, value, makers)
            ahead = None if before is None else _affine_of(before, makers)
            if behind is None or ahead is None or not _reads_alone(graph, links, value):
                continue
            (factor, offset), (source, first, more) = behind, ahead
            is_float = all(np.asarray(each).dtype.kind == "f" for each in (factor, first))
            if not is_float or np.abs(more * factor).max() > FAR:
                continue
            node.kind, node.inputs, node.settings = "scale", [source], {}
            node.weights = {"factor": first * factor, "offset": more * factor + offset}
            break
        makers.update(dict.fromkeys(node.outputs, node))


def _affine_of(node, makers):
    """What a node multiplies, its factor and its offset, or `None`."""
    if node.kind not in ("scale", "binary"):
        return None
    for value in node.inputs:
        factors = affine(node, value, makers)
        if factors is not None:
            return value, *factors
    return None


def _absorb(graph, links, product):
    """Gives a product the factor of what enters the graph, if the product alone reads that."""
    value, reader = product.inputs[0], product
    maker = links.maker(value)
    while maker is not None and maker.kind == "pad" and _reads_alone(graph, links, value) and (
            {**ZEROS, **maker.settings}.items() >= ZEROS.items()):
        value, reader = maker.inputs[0], maker
        maker = links.maker(value)
    if maker is None or maker.kind != "scale" or not _reads_alone(graph, links, value):
        return
    factor = _factor(graph, maker)
    if factor is not None:
        product.weights["kernel"] = product.weights["kernel"] * factor
        reader.inputs = list(maker.inputs)


def _reads_alone(graph, links, value):
    return len(links.users(value)) == 1 and not graph.is_output(value)


def _factor(graph, node):
    """The one number by which a node multiplies floats that enter the graph, or `None`."""
    factor, offset = node.weights["factor"], node.weights["offset"]
    for name, (shape, dtype) in graph.specs.items():
        if graph.inputs[name] == node.inputs[0] and dtype == "float32" and not np.any(offset) and (
                np.broadcast_shapes(shape, factor.shape, np.shape(offset)) == shape):
            numbers = np.unique(factor)
            return numbers[0] if numbers.size == 1 else None
    return None
