"""Which layer of a model made the op that cannot be expressed in TFLite's builtins."""

import pathlib
import re
import tempfile

from keras_seqattn.edge.tflite.converter import process

_REFUSED = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
_LISTED = re.compile(r"^(?:Custom|TF Select) ops: (.+)$", re.MULTILINE)
_PLACES = re.compile(r'fused\["(\w+):", "([^"@]+)(?:@[^"]*)?"\]')


def find(model, stderr=""):
    """Names the layers that made ops the converter refused.

    The ops come from the converter's text; their makers are the layers whose own trace has such
    an op, among those the text points to. Without an op in the text (the converter crashed) each
    layer is converted alone, in a process of its own, until one fails.

    Args:
        model: Built functional `keras.Model`, on the TensorFlow backend.
        stderr: What the converter wrote.

    Returns:
        List of `(op, layer name, layer class)` in the order of the model; `op` is `""` where only
        the layer is known, the layer's name and class where only the op is.
    """
    refused = _refused_ops(stderr)
    calls = list(_calls(model))
    if not refused:
        alone = next((call for call in calls if not _converts(call)), None)
        return [] if alone is None else [("", *_label(alone.operation))]
    parts = {op: set() for op in refused}
    for op, path in _PLACES.findall(stderr):
        if op in parts:
            parts[op].update(*(_readings(part) for part in path.split("/")))
    traced = [(call.operation, _traced_ops(call)) for call in calls]
    found = []
    for op in refused:
        makers = [operation for operation, ops in traced if op in ops]
        pointed = [operation for operation in makers if operation.name in parts[op]]
        named = [operation for operation, _ in traced if operation.name in parts[op]]
        labels = [_label(each) for each in pointed or makers or named] or [("", "")]
        found += [(op, *label) for label in labels]
    return list(dict.fromkeys(found))


def describe(found):
    """Phrases what `find` found.

    >>> describe([("Erfinv", "odd", "Odd"), ("Erfinv", "odder", "Odd")])
    'Erfinv, made by layer `odd` (Odd); Erfinv, made by layer `odder` (Odd)'
    >>> describe([("", "rare", "Rare")])
    'an op, made by layer `rare` (Rare)'
    """
    return "; ".join(
        (op or "an op") + (f", made by layer `{name}` ({kind})" if name else "")
        for op, name, kind in found)


def advice(found):
    """Phrases what to do about it, as the end of a sentence.

    >>> advice([("Erfinv", "lambda", "Lambda")])
    'replace the Lambda layer `lambda` by a layer class that uses other ops'
    >>> advice([("Erfinv", "odd", "Odd")])
    'express layer `odd` with other ops'
    >>> advice([])
    'replace the layer that makes it'
    """
    steps = [f"replace the Lambda layer `{name}` by a layer class that uses other ops"
             if kind == "Lambda" else f"express layer `{name}` with other ops"
             for _, name, kind in found if name]
    return "; ".join(dict.fromkeys(steps)) or "replace the layer that makes it"


def _refused_ops(stderr):
    listed = [op for line in _LISTED.findall(stderr) for op in line.split(", ")]
    return list(dict.fromkeys([*_REFUSED.findall(stderr), *(op.strip() for op in listed)]))


def _readings(part):
    """A name in a trace may be the layer's own or carry a counter that the trace added."""
    return part, re.sub(r"_\d+$", "", part)


def _calls(model):
    """Each call of an operation in a functional model, nested models opened, in order."""
    model = getattr(model, "_functional", None) or model
    depths = getattr(model, "_nodes_by_depth", {})
    for depth in sorted(depths, reverse=True):
        for node in depths[depth]:
            if hasattr(node.operation, "_nodes_by_depth"):
                yield from _calls(node.operation)
            elif not node.is_input:
                yield node


def _label(operation):
    return operation.name, type(operation).__name__


def _function(call):
    """One call as a TensorFlow function of one example."""
    import tensorflow as tf

    tensors = call.arguments.keras_tensors
    specs = [tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype) for tensor in tensors]

    def run(*flat):
        args, kwargs = call.arguments.fill_in(dict(zip(map(id, tensors), flat, strict=True)))
        if getattr(call.operation, "_call_has_training_arg", False):
            kwargs["training"] = False
        return {str(i): x for i, x in enumerate(tf.nest.flatten(call.operation(*args, **kwargs)))}

    return tf.function(run, input_signature=specs, autograph=False)


def _traced_ops(call):
    """Types of the TensorFlow ops that one call makes, bodies of loops included."""
    graph = _function(call).get_concrete_function().graph.as_graph_def()
    bodies = [node for function in graph.library.function for node in function.node_def]
    return {node.op for node in [*graph.node, *bodies]}


def _converts(call):
    """Whether the converter takes one call alone."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        holder = tf.Module()
        holder.variables_of = [each.value for each in getattr(call.operation, "variables", ())]
        holder.run = _function(call)
        tf.saved_model.save(holder, folder, signatures={
            "serving_default": holder.run.get_concrete_function()})
        out = pathlib.Path(folder) / "alone.tflite"
        result = process.run("keras_seqattn.edge.tflite.converter.convert", folder, out, "float32")
        return result.returncode == 0 and out.exists()
