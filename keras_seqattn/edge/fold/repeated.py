"""What is computed several times is computed once: each block of a model makes its mask anew."""

from keras_seqattn.edge.graph.graph import Graph


def join_repeated(graph: Graph) -> None:
    """Lets one node take the place of all that compute the same from the same values.

    Nodes with weights stay apart, but for constants. So do nodes that hold graphs of their own.
    """
    first: dict[tuple, list[int]] = {}
    renamed: dict[int, int] = {}
    kept = []
    for node in graph.nodes:
        node.inputs = [renamed.get(value, value) for value in node.inputs]
        key = _key(node)
        if key is None or first.setdefault(key, node.outputs) is node.outputs:
            kept.append(node)
        else:
            renamed.update(zip(node.outputs, first[key], strict=True))
    graph.nodes = kept
    graph.outputs = {name: renamed.get(value, value) for name, value in graph.outputs.items()}


def _key(node):
    """What two nodes have in common that compute the same; `None` of a node that stays apart."""
    if node.kind == "constant":
        value = node.weights["value"]
        return "constant", value.dtype.str, value.shape, value.tobytes()
    if node.weights or any(hasattr(setting, "nodes") or callable(setting) or key == "call"
                           for key, setting in node.settings.items()):
        return None
    return node.kind, tuple(node.inputs), repr(sorted(node.settings.items()))
