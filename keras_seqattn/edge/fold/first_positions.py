"""Only the positions that are read are computed: the first ones, where a class token answers."""

PER_TOKEN = {"dense", "norm", "add", "shift", "first"}  # what acts on each position by itself


def read_early(graph):
    """Computes only the positions that are read: `first` moves in front of what acts per token.

    Of the last block of a Vision Transformer with a class token, one query and one token of the
    feed-forward network remain.
    """
    counts = {node.settings["count"] for node in graph.nodes if node.kind == "first"}
    if len(counts) != 1:
        return
    count = counts.pop()
    whole, part = set(graph.outputs.values()), set()
    for node in reversed(graph.nodes):
        made = set(node.outputs)
        if made & whole:
            (part if _reads_first(node) else whole).update(node.inputs)
        elif made & part:
            for place, value in enumerate(node.inputs):
                (part if _passes(node, place) else whole).add(value)
    if not part - whole:
        return
    cut = {}
    nodes, graph.nodes = graph.nodes, []
    for node in nodes:
        made = set(node.outputs)
        if (made & part and not made & whole) or node.kind == "first":
            for place, value in enumerate(node.inputs):
                if _passes(node, place) and value in whole | set(graph.inputs.values()):
                    if value not in cut:
                        cut[value] = graph.add("first", node.name, [value], count=count)
                    node.inputs[place] = cut[value]
            if node.kind == "shift":
                node.weights["table"] = node.weights["table"][:, :count]
        graph.nodes.append(node)
    _skip(graph, [node for node in nodes if node.kind == "first"])
    graph.notes.append(f"the last block computes {count} position(s), which is all that is read")


def _reads_first(node):
    """Whether a node reads only the first positions: the class token's."""
    return node.kind == "first" or (node.kind == "received" and node.settings["has_token"])


def _passes(node, place):
    """Whether the first positions of a node's output need only those of this input."""
    if node.kind == "attention":
        free = not node.settings["causal"] and node.settings["window"] is None
        return free and place == 0
    return node.kind in PER_TOKEN


def _skip(graph, nodes):
    """Removes nodes that pass on what they read."""
    for node in nodes:
        for user in graph.nodes:
            user.inputs = [node.inputs[0] if value == node.outputs[0] else value
                           for value in user.inputs]
        graph.outputs = {name: node.inputs[0] if value == node.outputs[0] else value
                         for name, value in graph.outputs.items()}
        graph.nodes.remove(node)
