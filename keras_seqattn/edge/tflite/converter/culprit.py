"""Which layer of a model made the op that cannot be expressed in TFLite's builtins."""

import pathlib
import re
import tempfile
import typing

import keras

from keras_seqattn import borrowed
from keras_seqattn.edge.tflite.converter import process

Found = tuple[str, str, str]    # op, name of the layer, class of the layer
_REFUSED = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
_LISTED = re.compile(r"^(?:Custom|TF Select) ops: (.+)$", re.MULTILINE)
_PLACES = re.compile(r'fused\["(\w+):", "([^"@]+)(?:@[^"]*)?"\]')


def find(model: keras.Model, stderr: str = "") -> list[Found]:
    """Names the layers that made ops the converter refused.

    The ops come from the converter's text. Their makers are the layers whose own trace has such an
    op, among those the text points to. If the converter crashed, there is no op in the text. Each
    layer is then converted alone, in a process of its own, until one fails.

    Args:
        model: Built functional `keras.Model`, on the TensorFlow backend.
        stderr: What the converter wrote.

    Returns:
        List of `(op, layer name, layer class)` in the order of the model. Where only the layer is
        known, `op` is `""`. Where only the op is known, the layer's name and class are `""`.
    """
    refused = _refused_ops(stderr)
    calls = list(_calls(model))
    if not refused:
        alone = next((call for call in calls if not _converts(call)), None)
        return [] if alone is None else [("", *_label(alone.operation))]
    parts: dict[str, set[str]] = {op: set() for op in refused}
    for op, path in _PLACES.findall(stderr):
        if op in parts:
            parts[op].update(*(_readings(part) for part in path.split("/")))
    traced = [(call.operation, _traced_ops(call)) for call in calls]
    found: list[Found] = []
    for op in refused:
        makers = [operation for operation, ops in traced if op in ops]
        pointed = [operation for operation in makers if operation.name in parts[op]]
        named = [operation for operation, _ in traced if operation.name in parts[op]]
        labels = [_label(each) for each in pointed or makers or named] or [("", "")]
        found += [(op, *label) for label in labels]
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


def _refused_ops(stderr: str) -> list[str]:
    listed = [op for line in _LISTED.findall(stderr) for op in line.split(", ")]
    return list(dict.fromkeys([*_REFUSED.findall(stderr), *(op.strip() for op in listed)]))


def _readings(part: str) -> tuple[str, str]:
    """A name in a trace may be the layer's own or carry a counter that the trace added."""
    return part, re.sub(r"_\d+$", "", part)


def _calls(model: keras.Model) -> typing.Iterator[borrowed.Call]:
    """Each call of an operation in a functional model, nested models opened, in order."""
    functional = borrowed.functional(model)
    for call in [] if functional is None else borrowed.calls(functional):
        if borrowed.functional(call.operation) is None:
            yield call
        else:
            yield from _calls(call.operation)


def _label(operation: keras.Operation) -> tuple[str, str]:
    return operation.name, type(operation).__name__


def _function(call: borrowed.Call) -> typing.Any:
    """One call as a TensorFlow function of one example."""
    import tensorflow as tf

    specs = [tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype) for tensor in call.tensors]

    def run(*flat):
        args, kwargs = call.arguments(list(flat))
        if borrowed.takes_training(call.operation):
            kwargs["training"] = False
        return {str(i): x for i, x in enumerate(tf.nest.flatten(call.operation(*args, **kwargs)))}

    return tf.function(run, input_signature=specs, autograph=False)


def _traced_ops(call: borrowed.Call) -> set[str]:
    """Types of the TensorFlow ops that one call makes, bodies of loops included."""
    graph = _function(call).get_concrete_function().graph.as_graph_def()
    bodies = [node for function in graph.library.function for node in function.node_def]
    return {node.op for node in [*graph.node, *bodies]}


def _converts(call: borrowed.Call) -> bool:
    """Whether the converter takes one call alone."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        holder = tf.Module()
        if isinstance(call.operation, keras.Layer):
            holder.variables_of = [each.value for each in call.operation.variables]
        holder.run = _function(call)
        tf.saved_model.save(holder, folder, signatures={
            "serving_default": holder.run.get_concrete_function()})
        out = pathlib.Path(folder) / "alone.tflite"
        result = process.run("keras_seqattn.edge.tflite.converter.convert", folder, out, "float32")
        return result.returncode == 0 and out.exists()
