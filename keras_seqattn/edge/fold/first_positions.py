"""Only the positions that are read are computed: the first ones, where a class token answers."""

from keras_seqattn.edge.graph.graph import Graph


def keep_first_positions(graph: Graph) -> None:
    """Computes only the positions that are read: `first` moves in front of what acts per token.

    Of the last block of a Vision Transformer with a class token, one query and one token of the
    feed-forward network remain.
    """
    counts = {node.settings["count"] for node in graph.nodes if node.kind == "first"}
    if len(counts) != 1:
        return
    count = counts.pop()
    whole, part = _read_values(graph)
    if not part - whole:
        return
    cut = {}
    nodes, graph.nodes = graph.nodes, []
    for node in nodes:
        made = set(node.outputs)
        if (made & part and not made & whole) or node.kind == "first":
            for place, value in enumerate(node.inputs):
                per_token = node.row.per_token(node.settings, place)
                if per_token and value in whole | set(graph.inputs.values()):
                    if value not in cut:
                        cut[value] = graph.add("first", node.name, [value], count=count)
                    node.inputs[place] = cut[value]
            for key in node.row.per_position:
                node.weights[key] = node.weights[key][:, :count]
        graph.nodes.append(node)
    _skip(graph, [node for node in nodes if node.kind == "first"])
    graph.notes.append(f"the last block computes {count} position(s), which is all that is read")


def _read_values(graph):
    """Values of which all positions are read, and values of which the first ones are."""
    whole = set(graph.outputs.values())
    part: set[int] = set()
    for node in reversed(graph.nodes):
        made = set(node.outputs)
        if made & whole:
            (part if node.row.reads_first(node.settings) else whole).update(node.inputs)
        elif made & part:
            cut = [node.row.per_token(node.settings, place) for place in range(len(node.inputs))]
            whole |= set() if any(cut) else made
            for value, per_token in zip(node.inputs, cut, strict=True):
                (part if per_token else whole).add(value)
    return whole, part


def _skip(graph, nodes):
    """Removes nodes that pass on what they read."""
    for node in nodes:
        for user in graph.nodes:
            user.inputs = [node.inputs[0] if value == node.outputs[0] else value
                           for value in user.inputs]
        graph.outputs = {name: node.inputs[0] if value == node.outputs[0] else value
                         for name, value in graph.outputs.items()}
        graph.nodes.remove(node)
