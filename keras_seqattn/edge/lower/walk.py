"""From a functional Keras model to a `Graph`: the walk over its calls.

Each call is lowered by the handler of its layer's class. A call stays a call of the layer itself
where no handler knows its class, where the handler does not know its form, or where a padding mask
reaches it. So every model can be exported; the graph's notes say what was left, and why.
"""

import keras

from keras_seqattn import borrowed
from keras_seqattn.edge.graph.graph import Graph
from keras_seqattn.edge.lower import attention, convolutions, plain, recurrent, tokens
from keras_seqattn.edge.lower.lowering import Handler, Lowering, Unfit
from keras_seqattn.errors import explain


def join(*tables: dict[type, Handler]) -> dict[type, Handler]:
    """Joins tables of handlers into one.

    Raises:
        ValueError: a class stands in two of them.
    """
    joined: dict[type, Handler] = {}
    for table in tables:
        if twice := [cls.__name__ for cls in table if cls in joined]:
            raise ValueError(explain("a class has one handler", twice=twice,
                                     fix="take it out of one of the tables"))
        joined |= table
    return joined


HANDLERS = join(*(family.HANDLERS for family in (
    plain, convolutions, tokens, attention, recurrent)))


def lower(model: keras.Model, dtype: str = "float32", fuse: bool = True) -> Graph:
    """Lowers a model.

    Args:
        model: Built functional `keras.Model`.
        dtype: Dtype of the graph's weights; float64 to prove a rewriting exact.
        fuse: Whether recurrent layers take the form that TFLite fuses.

    Returns:
        `Graph` that computes what the model does at inference.

    Raises:
        ValueError: the model is not functional.
    """
    inner = borrowed.functional(model)
    if inner is None:
        raise ValueError(explain(
            "a model must be functional to be lowered", model=type(model).__name__,
            fix="build it with keras.Input and keras.Model(inputs, outputs), or keras.Sequential"))
    graph = Graph()
    walk = _Walk(Lowering(graph, dtype, fuse))
    values = {}
    for tensor in inner.inputs:
        values[id(tensor)] = graph.inputs[tensor.name] = graph.new_value()
    walk.over(inner, values)
    names = sorted(inner.output) if isinstance(inner.output, dict) else inner.output_names
    graph.outputs = {name: values[id(tensor)] for name, tensor in zip(
        names, keras.tree.flatten(inner.output), strict=True)}
    graph.drop_unread()
    graph.notes += walk.notes()
    return graph


class _Walk:
    """Lowers the calls of a model in order, and remembers what was left as it is."""

    def __init__(self, lowering):
        self._lowering = lowering
        self._left = []                                 # the node of each call, and why

    def over(self, model, values):
        """Lowers each call of a functional model; `values` grows by tensor."""
        for call in borrowed.calls(model):
            inputs = [values[id(tensor)] for tensor in call.tensors]
            try:
                made = self._lowered(call, inputs)
            except Unfit as unfit:
                made = self._lowering.call(call, inputs)
                self._left.append((self._lowering.graph.nodes[-1], str(unfit)))
            values.update(zip(map(id, call.outputs), _checked(call, made), strict=True))

    def _lowered(self, call, inputs):
        """The values of one call, by the handler of its class or by a walk over a nested model."""
        layer = call.operation
        if any(borrowed.mask_of(tensor) is not None for tensor in call.tensors):
            raise Unfit("a padding mask reaches it")
        inner = borrowed.functional(layer) if isinstance(layer, keras.Model) else None
        if inner is not None:
            values = dict(zip(map(id, inner.inputs), inputs, strict=True))
            self.over(inner, values)
            return [values[id(tensor)] for tensor in keras.tree.flatten(inner.output)]
        if type(layer) not in HANDLERS:
            raise Unfit("no handler knows its class")
        if getattr(layer, "quantization_mode", None):
            raise Unfit("Keras has quantised it")
        return HANDLERS[type(layer)](self._lowering, call, inputs)

    def notes(self):
        """One sentence for each reason, with the names of what was left for it."""
        names: dict[str, dict[str, None]] = {}
        for node, reason in self._left:
            if node in self._lowering.graph.nodes:
                names.setdefault(reason, {})[node.name] = None
        return [f"left as they are, since {reason}: {', '.join(each)}"
                for reason, each in names.items()]


def _checked(call, made):
    """The values that a handler returned, as a list."""
    values = made if isinstance(made, list) else [made]
    if len(values) != len(call.outputs) or not all(isinstance(each, int) for each in values):
        raise TypeError(explain(
            "a handler must return one value for each output of the call", returned=made,
            layer=type(call.operation).__name__, outputs=len(call.outputs),
            fix="return what `lowering.add` returned, or raise Unfit(reason)"))
    return values
