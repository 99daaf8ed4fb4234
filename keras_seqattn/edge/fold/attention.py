"""Attention: what its four dense layers hold of scales and biases without need."""

import numpy as np

from keras_seqattn.edge.fold.formulas import absorb_value_bias, balance
from keras_seqattn.edge.graph.graph import Graph, Links


def absorb_query_scales(graph: Graph) -> None:
    """Moves `1/√H` into the query: `(x·W + b)·c = x·(c·W) + c·b`."""
    for node, query in _products(graph, 0):
        scale = node.settings["scale"]
        query.weights = {key: array * scale for key, array in query.weights.items()}
        node.settings["scale"] = 1


def drop_key_biases(graph: Graph) -> None:
    """Drops the key's bias: it adds `q·b` to all logits of a query, which softmax does not see."""
    for _, key in _products(graph, 1):
        key.weights.pop("bias", None)


def absorb_value_biases(graph: Graph) -> None:
    """Moves the value's bias into the output's; `absorb_value_bias` has the formula."""
    for node, value, out in _with_output(graph):
        if "bias" in value.weights:
            spread = _spread(node, value.weights.pop("bias"))
            out.weights["bias"] = absorb_value_bias(
                out.weights["kernel"], out.weights.get("bias"), spread)


def balance_attention(graph: Graph) -> None:
    """Evens out the channels of query and key, and of value and output kernel."""
    for node, query, key in _products(graph, 0, 1):
        factors = balance(_largest(node, _extents(query)), _extents(key))
        _divide_columns(query, _spread(node, factors))
        _divide_columns(key, 1.0 / factors)
    for node, value, out in _with_output(graph):
        rows = np.abs(out.weights["kernel"]).max(axis=1)
        factors = balance(_extents(value), _largest(node, rows))
        _divide_columns(value, factors)
        out.weights["kernel"] = out.weights["kernel"] * _spread(node, factors)[:, None]


def _products(graph, *places):
    """Attention nodes with the dense nodes that alone feed the given places."""
    links = Links(graph)
    for node in graph.nodes:
        if node.kind == "attention":
            fed = [links.maker(node.inputs[place]) for place in places]
            if all(each is not None and each.kind == "dense"
                   and each.settings["activation"] is None
                   and links.users(each.outputs[0]) == [node]
                   and not graph.is_output(each.outputs[0]) for each in fed):
                yield node, *fed


def _with_output(graph):
    """Attention nodes with their value's dense node and the one that alone reads the output."""
    links = Links(graph)
    for node, value in _products(graph, 2):
        users = links.users(node.outputs[0])
        if (len(users) == 1 and users[0].kind == "dense"
                and not graph.is_output(node.outputs[0])):
            yield node, value, users[0]


def _spread(node, channels):
    """Repeats what belongs to the key/value heads for the query heads that share them."""
    heads, kv_heads = node.settings["num_heads"], node.settings["num_kv_heads"]
    return np.repeat(channels.reshape(kv_heads, -1), heads // kv_heads, axis=0).reshape(-1)


def _largest(node, channels):
    """Of the query heads that share a key/value head, the largest of each channel."""
    heads, kv_heads = node.settings["num_heads"], node.settings["num_kv_heads"]
    return channels.reshape(kv_heads, heads // kv_heads, -1).max(axis=1).reshape(-1)


def _extents(dense):
    """Deviation of each output of a dense node for inputs of deviation 1."""
    return np.sqrt(sum(np.square(array).reshape(-1, array.shape[-1]).sum(axis=0)
                       for array in dense.weights.values()))


def _divide_columns(dense, factors):
    dense.weights = {key: array / factors for key, array in dense.weights.items()}
