"""Exact rewrites of a model before it is quantised: less to compute, and less to lose in int8.

Each rule walks over a `Graph` and applies a function of `rules`, which hold the formulas, wherever
it is exact; the graph's notes say where it is not.
"""

import numpy as np

from keras_seqattn.edge.fold.first_positions import read_early
from keras_seqattn.edge.fold.formulas import (
    absorb_norm,
    absorb_value_bias,
    balance,
    centre,
    rotation,
)


def fold(graph, rotate=False):
    """Applies every rule to a graph, where it holds, and writes into its notes what was done.

    Args:
        graph: `Graph`; changes in place.
        rotate: Whether to rotate the residual streams, so that outlying features spread over all.

    Returns:
        The graph.
    """
    read_early(graph)
    centred = centre_streams(graph)
    absorb_norms(graph)
    absorb_query_scales(graph)
    drop_key_biases(graph)
    absorb_value_biases(graph)
    balance_attention(graph)
    if rotate:
        rotate_streams(graph, centred)
    graph.drop_unread()
    return graph


def centre_streams(graph):
    """Turns LayerNorms into RMSNorms by centring what is written into the streams they read.

    Returns:
        Pairs of the nodes that write into a stream and the norms that read it.
    """
    streams, left = [], []
    for norm in [node for node in graph.nodes if node.kind == "norm"]:
        if norm.settings["centred"]:
            continue
        writers, readers, reason = _stream(graph, norm)
        if reason:
            left.append((norm.name, reason))
            continue
        for node in writers:
            node.weights = {key: centre(array) for key, array in node.weights.items()}
        for node in readers:
            node.settings["centred"] = True
        streams.append((writers, readers))
    if streams:
        graph.notes.append(
            f"{sum(len(readers) for _, readers in streams)} LayerNorms became RMSNorms")
    for reason in dict.fromkeys(reason for _, reason in left):
        names = [name for name, why in left if why == reason]
        graph.notes.append(f"LayerNorm kept at {', '.join(names)}: {reason}")
    return streams


def _stream(graph, norm):
    """All that is added up to what a norm reads: who writes it, which norms read it.

    Returns:
        Writers, readers, and why the stream cannot be changed, or `None`.
    """
    values, writers, readers, todo = set(), [], [], [norm.inputs[0]]
    while todo:
        value = todo.pop()
        if value in values:
            continue
        values.add(value)
        maker = graph.maker(value)
        if graph.is_output(value) or maker is None:
            return writers, readers, "the stream enters or leaves the model"
        if maker.kind in ("dense", "conv") and maker.settings.get("activation") is None:
            writers.append(maker)
        elif maker.kind in ("add", "shift", "prepend", "tokens", "first", "rest"):
            todo += maker.inputs
            writers += [maker] if maker.weights else []
        else:
            return writers, readers, f"a {maker.kind} writes into its stream ({maker.name})"
        for user in graph.users(value):
            if user.kind == "norm" and user.settings["centred"]:
                return writers, readers, f"an RMSNorm reads its stream ({user.name})"
            if user.kind == "norm":
                readers += [user] if user not in readers else []
            elif user.kind in ("add", "shift", "prepend", "tokens", "first", "rest"):
                todo += user.outputs
            else:
                return writers, readers, f"a {user.kind} reads its stream ({user.name})"
    return writers, readers, None


def absorb_norms(graph):
    """Moves scale and offset of each norm into the dense layers that read it."""
    for norm in [node for node in graph.nodes if node.kind == "norm" and node.weights]:
        readers = graph.dense_readers(norm.outputs[0])
        if readers:
            scale, offset = norm.weights.get("scale"), norm.weights.get("offset")
            for node in readers:
                node.weights["kernel"], node.weights["bias"] = absorb_norm(
                    node.weights["kernel"], node.weights.get("bias"), scale, offset)
            norm.weights = {}
        else:
            graph.notes.append(f"scale and offset kept at {norm.name}: more than dense layers "
                               "read them")


def _products(graph, *places):
    """Attention nodes with the dense nodes that alone feed the given places."""
    for node in graph.nodes:
        if node.kind == "attention":
            fed = [graph.maker(node.inputs[place]) for place in places]
            if all(each is not None and each.kind == "dense"
                   and each.settings["activation"] is None
                   and graph.users(each.outputs[0]) == [node]
                   and not graph.is_output(each.outputs[0]) for each in fed):
                yield node, *fed


def absorb_query_scales(graph):
    """Moves `1/√H` into the query: `(x·W + b)·c = x·(c·W) + c·b`."""
    for node, query in _products(graph, 0):
        scale = node.settings["scale"]
        query.weights = {key: array * scale for key, array in query.weights.items()}
        node.settings["scale"] = 1


def drop_key_biases(graph):
    """Drops the key's bias: it adds `q·b` to all logits of a query, which softmax does not see."""
    for _, key in _products(graph, 1):
        key.weights.pop("bias", None)


def _with_output(graph):
    """Attention nodes with their value's dense node and the one that alone reads the output."""
    for node, value in _products(graph, 2):
        users = graph.users(node.outputs[0])
        if (len(users) == 1 and users[0].kind == "dense"
                and not graph.is_output(node.outputs[0])):
            yield node, value, users[0]


def absorb_value_biases(graph):
    """Moves the value's bias into the output's; `absorb_value_bias` has the formula."""
    for node, value, out in _with_output(graph):
        if "bias" in value.weights:
            spread = _spread(node, value.weights.pop("bias"))
            out.weights["bias"] = absorb_value_bias(
                out.weights["kernel"], out.weights.get("bias"), spread)


def _spread(node, channels):
    """Repeats what belongs to the key/value heads for the query heads that share them."""
    heads, kv_heads = node.settings["num_heads"], node.settings["num_kv_heads"]
    return np.repeat(channels.reshape(kv_heads, -1), heads // kv_heads, axis=0).reshape(-1)


def balance_attention(graph):
    """Evens out the channels of query and key, and of value and output kernel."""
    for node, query, key in _products(graph, 0, 1):
        heads, kv_heads = node.settings["num_heads"], node.settings["num_kv_heads"]
        extent = _extents(query).reshape(kv_heads, heads // kv_heads, -1).max(axis=1).reshape(-1)
        factors = balance(extent, _extents(key))
        _divide_columns(query, _spread(node, factors))
        _divide_columns(key, 1.0 / factors)
    for node, value, out in _with_output(graph):
        rows = np.abs(out.weights["kernel"]).max(axis=1)
        heads, kv_heads = node.settings["num_heads"], node.settings["num_kv_heads"]
        rows = rows.reshape(kv_heads, heads // kv_heads, -1).max(axis=1).reshape(-1)
        factors = balance(_extents(value), rows)
        _divide_columns(value, factors)
        out.weights["kernel"] = out.weights["kernel"] * _spread(node, factors)[:, None]


def _extents(dense):
    """Deviation of each output of a dense node for inputs of deviation 1."""
    return np.sqrt(sum(np.square(array).reshape(-1, array.shape[-1]).sum(axis=0)
                       for array in dense.weights.values()))


def _divide_columns(dense, factors):
    dense.weights = {key: array / factors for key, array in dense.weights.items()}


def rotate_streams(graph, streams):
    """Rotates streams whose norms are RMSNorms without scale: writers `W·Q`, readers `Qᵀ·W`."""
    for writers, norms in streams:
        readers = [graph.dense_readers(norm.outputs[0]) for norm in norms]
        if any(norm.weights for norm in norms) or not all(readers):
            continue
        matrix = rotation(next(iter(writers[0].weights.values())).shape[-1])
        for node in writers:
            node.weights = {key: (array @ matrix).astype(array.dtype)
                            for key, array in node.weights.items()}
        for node in dict.fromkeys(each for group in readers for each in group):
            kernel = node.weights["kernel"]
            node.weights["kernel"] = (matrix.T @ kernel).astype(kernel.dtype)
        graph.notes.append(f"the stream of {writers[0].name} was rotated")
