"""Residual streams: LayerNorms become RMSNorms, their scales move on, features are rotated.

A stream is all that is added up before norms read it. Its writers are dense layers, convolutions
and tables; its readers are norms.

Sources:

- Ashkboos et al. 2024, "SliceGPT", section 3
- Ashkboos et al. 2024, "QuaRot", section 4
"""

import dataclasses

from keras_seqattn.edge.fold.formulas import absorb_norm, centre, rotation
from keras_seqattn.edge.graph.graph import Graph, Links, Node
from keras_seqattn.edge.graph.kinds import JOINS, WRITES


@dataclasses.dataclass
class Stream:
    """What is added up to what a norm reads.

    Attributes:
        writers: Nodes whose weights write into the stream.
        norms: Norms that read it.
        obstacle: Why the stream cannot be changed, or `None`.
    """

    writers: list[Node]
    norms: list[Node]
    obstacle: str | None = None


def centre_streams(graph: Graph) -> None:
    """Turns LayerNorms into RMSNorms by centring what is written into the streams they read."""
    links, num_centred = Links(graph), 0
    left: dict[str, list[str]] = {}
    for norm in _norms(graph):
        if norm.settings["centred"]:
            continue
        stream = _stream(graph, links, norm)
        if stream.obstacle:
            left.setdefault(stream.obstacle, []).append(norm.name)
            continue
        for node in stream.writers:
            node.weights = {key: centre(array) for key, array in node.weights.items()}
        for node in stream.norms:
            node.settings["centred"] = True
        num_centred += len(stream.norms)
    if num_centred:
        graph.notes.append(f"{num_centred} LayerNorms became RMSNorms")
    for obstacle, names in left.items():
        graph.notes.append(f"LayerNorm kept at {', '.join(names)}: {obstacle}")


def absorb_norms(graph: Graph) -> None:
    """Moves scale and offset of each norm into the dense layers that read it."""
    links = Links(graph)
    for norm in _norms(graph):
        if not norm.weights:
            continue
        readers = links.dense_readers(norm.outputs[0])
        if readers:
            scale, offset = norm.weights.get("scale"), norm.weights.get("offset")
            for node in readers:
                node.weights["kernel"], node.weights["bias"] = absorb_norm(
                    node.weights["kernel"], node.weights.get("bias"), scale, offset)
            norm.weights = {}
        else:
            graph.notes.append(f"scale and offset kept at {norm.name}: more than dense layers "
                               "read them")


def rotate_streams(graph: Graph) -> None:
    """Rotates streams whose norms are RMSNorms without scale: writers `W·Q`, readers `Qᵀ·W`."""
    links = Links(graph)
    known: list[Node] = []
    for norm in _norms(graph):
        if norm in known or not norm.settings["centred"]:
            continue
        stream = _stream(graph, links, norm)
        known += stream.norms
        readers = [links.dense_readers(each.outputs[0]) for each in stream.norms]
        if (stream.obstacle or not all(readers)
                or any(each.weights for each in stream.norms)):
            continue
        matrix = rotation(next(iter(stream.writers[0].weights.values())).shape[-1])
        for node in stream.writers:
            node.weights = {key: (array @ matrix).astype(array.dtype)
                            for key, array in node.weights.items()}
        for node in dict.fromkeys(each for group in readers for each in group):
            kernel = node.weights["kernel"]
            node.weights["kernel"] = (matrix.T @ kernel).astype(kernel.dtype)
        graph.notes.append(f"the stream of {stream.writers[0].name} was rotated")


def _norms(graph):
    return [node for node in graph.nodes if node.kind == "norm"]


def _stream(graph, links, norm):
    """The stream that a norm reads; LayerNorms and RMSNorms must not read it together."""
    stream = Stream([], [])
    values, todo = set(), [norm.inputs[0]]
    while todo and stream.obstacle is None:
        value = todo.pop()
        if value not in values:
            values.add(value)
            todo += _behind(graph, links, value, stream)
            if stream.obstacle is None:
                todo += _ahead(links, value, stream, norm)
    return stream


def _behind(graph, links, value, stream):
    """Notes who writes a value into the stream; returns the values that are joined in it."""
    maker = links.maker(value)
    if graph.is_output(value) or maker is None:
        stream.obstacle = "the stream enters or leaves the model"
    elif maker.row.stream == WRITES and maker.settings.get("activation") is None:
        stream.writers.append(maker)
    elif maker.row.stream == JOINS:
        stream.writers += [maker] if maker.weights else []
        return maker.inputs
    else:
        stream.obstacle = f"a {maker.kind} writes into its stream ({maker.name})"
    return []


def _ahead(links, value, stream, norm):
    """Notes which norms read a value of the stream; returns the values that it is joined in."""
    found = []
    for user in links.users(value):
        if user.kind == "norm" and user.settings["centred"] != norm.settings["centred"]:
            kind = "an RMSNorm" if user.settings["centred"] else "a LayerNorm"
            stream.obstacle = f"{kind} reads its stream ({user.name})"
        elif user.kind == "norm":
            stream.norms += [user] if user not in stream.norms else []
        elif user.row.stream == JOINS:
            found += user.outputs
        else:
            stream.obstacle = f"a {user.kind} reads its stream ({user.name})"
        if stream.obstacle:
            break
    return found
