"""Which call of a graph made the op that cannot be expressed in TFLite's builtins."""

import pathlib
import re
import tempfile
import typing

from keras_seqattn.edge.graph.graph import Graph, Node
from keras_seqattn.edge.tflite.converter import process

Found = tuple[str, str, str]    # op, path of the layer, class of the layer
_REFUSED = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
_LISTED = re.compile(r"^(?:Custom|TF Select) ops: (.+)$", re.MULTILINE)
_PLACES = re.compile(r'fused\["(\w+):", "([^"@]+)(?:@[^"]*)?"\]')


def find(graph: Graph, stderr: str = "") -> list[Found]:
    """Names the layers that made ops the converter refused.

    The ops come from the converter's text. Their makers are the calls whose own trace has such an
    op, among those the text points to. If the converter crashed, there is no op in the text. Each
    call is then converted alone, in a process of its own, until one fails.

    Args:
        graph: `Graph` with nodes of the kind `call`, on the TensorFlow backend.
        stderr: What the converter wrote.

    Returns:
        List of `(op, layer's path, layer's class)` in the order of the graph. Where only the layer
        is known, `op` is `""`. Where only the op is known, the layer's path and class are `""`.
    """
    refused = _refused_ops(stderr)
    calls = [node for node in graph.nodes if node.kind == "call"]
    if not refused:
        alone = next((node for node in calls if not _converts(node)), None)
        return [] if alone is None else [("", *_label(alone))]
    parts: dict[str, set[str]] = {op: set() for op in refused}
    for op, path in _PLACES.findall(stderr):
        if op in parts:
            parts[op].update(*(_readings(part) for part in path.split("/")))
    traced = [(node, _traced_ops(node)) for node in calls]
    found: list[Found] = []
    for op in refused:
        makers = [node for node, ops in traced if op in ops]
        pointed = [node for node in makers if node.name.split("/")[-1] in parts[op]]
        found += [(op, *label) for label in map(_label, pointed or makers)] or [(op, "", "")]
    return list(dict.fromkeys(found))


def describe(found: typing.Iterable[Found]) -> str:
    """Phrases what `find` found.

    >>> describe([("Erfinv", "odd", "Odd"), ("Erfinv", "odder", "Odd")])
    'Erfinv, made by layer `odd` (Odd); Erfinv, made by layer `odder` (Odd)'
    >>> describe([("", "rare", "Rare")])
    'an op, made by layer `rare` (Rare)'
    """
    return "; ".join(
        (op or "an op") + (f", made by layer `{name}` ({kind})" if name else "")
        for op, name, kind in found)


def advice(found: typing.Iterable[Found]) -> str:
    """Phrases what to do about it, as the end of a sentence.

    >>> advice([("Erfinv", "odd", "Odd")])
    'express layer `odd` with other ops'
    >>> advice([])
    'replace the layer that makes it'
    """
    steps = [f"express layer `{name}` with other ops" for _, name, _ in found if name]
    return "; ".join(dict.fromkeys(steps)) or "replace the layer that makes it"


def _refused_ops(stderr: str) -> list[str]:
    listed = [op for line in _LISTED.findall(stderr) for op in line.split(", ")]
    return list(dict.fromkeys([*_REFUSED.findall(stderr), *(op.strip() for op in listed)]))


def _readings(part: str) -> tuple[str, str]:
    """A name in a trace may be the layer's own or carry a counter that the trace added."""
    return part, re.sub(r"_\d+$", "", part)


def _label(node: Node) -> tuple[str, str]:
    return node.name, type(node.settings["call"].operation).__name__


def _function(node: Node) -> typing.Any:
    """One call as a TensorFlow function of one example."""
    import tensorflow as tf

    tensors = node.settings["call"].tensors
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in tensors]

    def run(*flat):
        return dict(zip(map(str, node.outputs), node.row.compute(*flat, **node.settings),
                        strict=True))

    return tf.function(run, input_signature=specs, autograph=False)


def _traced_ops(node: Node) -> set[str]:
    """Types of the TensorFlow ops that one call makes, bodies of loops included."""
    graph = _function(node).get_concrete_function().graph.as_graph_def()
    bodies = [node for function in graph.library.function for node in function.node_def]
    return {node.op for node in [*graph.node, *bodies]}


def _converts(node: Node) -> bool:
    """Whether the converter takes one call alone."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        holder, run = tf.Module(), _function(node).get_concrete_function()
        holder.held = run.variables
        tf.saved_model.save(holder, folder, signatures={"serving_default": run})
        out = pathlib.Path(folder) / "alone.tflite"
        result = process.run("keras_seqattn.edge.tflite.converter.convert", folder, out, "float32")
        return result.returncode == 0 and out.exists()
