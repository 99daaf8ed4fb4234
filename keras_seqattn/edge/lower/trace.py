"""From a Keras model to a `Graph`: the model is called, and each call inside is lowered.

The model is called with symbolic tensors of the sizes that its file will have. Keras itself opens
structures, fills in arguments and hands masks on. Each operation that it calls then, be it a layer
or a function of `keras.ops`, is lowered by the handler of its class. What has no handler is opened:
its own `call` is traced in the same way. What cannot be opened either, since it computes with its
backend's functions, stays a call. So every model becomes a graph, and the graph's notes say what
was left, and why.
"""

import typing

import keras
import numpy as np

from keras_seqattn import borrowed
from keras_seqattn.edge.graph.graph import Graph, Node
from keras_seqattn.edge.lower.call import Call, Unfit, is_symbolic
from keras_seqattn.edge.lower.elementwise import FLOATS
from keras_seqattn.edge.lower.handlers import FACTS, HANDLERS
from keras_seqattn.edge.lower.limits import check_layers
from keras_seqattn.edge.lower.lowering import Function, Lowering
from keras_seqattn.edge.structures import inputs_by_name, outputs_by_name
from keras_seqattn.errors import explain

Shapes: typing.TypeAlias = dict[str, tuple[int, ...]]


class HandlerError(BaseException):
    """An error of a handler, on its way through Keras, which catches `Exception`."""


def lower(model: keras.Model, shapes: Shapes | None = None, dtype: str = "float32",
          fuse: bool = True) -> Graph:
    """Lowers a model for inputs of fixed sizes.

    Args:
        model: Built functional `keras.Model`.
        shapes: Shape of each input by its name, the batch included. Defaults to the model's own
            with a batch of one.
        dtype: Dtype of the graph's weights; float64 to prove a rewriting exact.
        fuse: Whether recurrent layers take the form that TFLite fuses.

    Returns:
        `Graph` that computes what the model does at inference. All floats in it have one dtype.

    Raises:
        ValueError: the model is not functional, or a size of its inputs is unknown. A layer was
            quantised by Keras, keeps a state between calls, or reads texts.
    """
    inner = borrowed.functional(model)
    if inner is None:
        raise ValueError(explain(
            "a model must be functional to be lowered", model=type(model).__name__,
            fix="build it with keras.Input and keras.Model(inputs, outputs), or keras.Sequential"))
    check_layers(model)
    specs = {name: keras.KerasTensor(
        (1, *tensor.shape[1:]) if shapes is None else tuple(shapes[name]), tensor.dtype)
        for name, tensor in inputs_by_name(inner).items()}

    def call(*tensors):
        given = iter(tensors)
        return outputs_by_name(inner, inner(keras.tree.map_structure(
            lambda _: next(given), inner.input), training=False))

    return lower_function(call, specs, dtype, fuse)


def lower_function(function: Function, specs: dict[str, keras.KerasTensor],
                   dtype: str = "float32", fuse: bool = True) -> Graph:
    """Lowers a function of `keras.ops` and layers, for inputs of fixed sizes.

    Args:
        function: Function of one tensor for each of `specs`, in their order. It returns a
            dictionary of tensors.
        specs: Shape and dtype of each input by its name.
        dtype: Dtype of the graph's weights.
        fuse: Whether recurrent layers take the form that TFLite fuses.

    Returns:
        `Graph` that computes what the function does.
    """
    graph = Graph()
    lowering = Lowering(graph, dtype, fuse)
    trace = _Trace(lowering)
    for name, spec in specs.items():
        kind = "float32" if spec.dtype in FLOATS else spec.dtype
        graph.inputs[name] = lowering.input(keras.KerasTensor(spec.shape, kind))
        graph.specs[name] = tuple(spec.shape), kind
    outputs = trace.run(lambda: function(*map(lowering.tensor, graph.inputs.values())))
    graph.outputs = {name: lowering.value(tensor) for name, tensor in outputs.items()}
    for name, value in graph.outputs.items():
        spec = lowering.spec(value)
        graph.made[name] = tuple(spec.shape), spec.dtype
    graph.drop_unread()
    graph.notes += trace.notes()
    return graph


class _Trace:
    """Answers the calls that Keras makes, and remembers what was left as it is."""

    def __init__(self, lowering):
        self._lowering = lowering
        self._left: list[tuple[Node, str]] = []         # the node of each call, and why
        self._opening: list[type] = []                  # functions whose own `call` is traced

    def run(self, function):
        """Returns what a function gives while its symbolic calls are lowered."""
        try:
            with borrowed.symbolic_calls(self._answer), borrowed.symbolic_functions():
                return function()
        except HandlerError as error:
            raise typing.cast(BaseException, error.__cause__) from None

    def notes(self):
        """One sentence for each reason, with the names of what was left for it."""
        names: dict[str, dict[str, None]] = {}
        for node, reason in self._left:
            if node in self._lowering.graph.nodes:
                names.setdefault(reason, {})[node.name] = None
        return [f"left as they are, since {reason}: {', '.join(each)}"
                for reason, each in names.items()]

    def _answer(self, operation, args, kwargs):
        lowering = self._lowering
        if lowering.infers:
            return operation.compute_output_spec(*args, **kwargs)
        if type(operation) in FACTS:
            return FACTS[type(operation)](*args)
        if isinstance(operation, keras.Layer):
            args, kwargs = keras.tree.map_structure(self._symbolic, (args, kwargs))
        call = Call(operation, args, kwargs)
        try:
            return keras.tree.map_structure(self._lowering.tensor, self._lowered(call))
        except Unfit as unfit:
            reason = str(unfit)
        for opened in (self._opened, self._opened_as_on_jax):
            try:
                return opened(call)
            except Exception as error:  # whatever its backend says of a symbolic tensor
                said = _first_line(error)
        return self._left_alone(call, f"{reason}, and it cannot be traced ({said})")

    def _symbolic(self, argument):
        """What a layer reads; of an array, a symbolic tensor, so that no handler overlooks it."""
        is_array = isinstance(argument, np.ndarray) or (
            keras.ops.is_tensor(argument) and not is_symbolic(argument))
        lowering = self._lowering
        return lowering.tensor(lowering.value(argument)) if is_array else argument

    def _lowered(self, call):
        operation = call.operation
        handler = HANDLERS.get(type(operation))
        if handler is None:
            raise Unfit("no handler knows its class")
        inputs = [self._lowering.value(tensor) for tensor in call.tensors]
        try:
            return _checked(call, handler(self._lowering, call, inputs))
        except (Unfit, HandlerError):
            raise
        except Exception as error:
            raise HandlerError from error

    def _opened(self, call):
        """What the operation's own `call` gives, traced."""
        operation, scope = call.operation, self._lowering.scope
        if isinstance(operation, keras.Model):
            return operation.call(*call.args, **call.kwargs)
        if isinstance(operation, keras.Layer):
            scope.append(call.name)
            try:
                return operation.call(*call.args, **call.kwargs)
            finally:
                scope.pop()
        if type(operation) in self._opening:
            raise Unfit("it calls itself")
        self._opening.append(type(operation))
        try:
            return operation.call(*call.args, **call.kwargs)
        finally:
            self._opening.pop()

    def _opened_as_on_jax(self, call):
        """The same, of what calls TensorFlow or PyTorch by name where that is the backend."""
        with borrowed.backend_named("jax"):
            return self._opened(call)

    def _left_alone(self, call, reason):
        lowering = self._lowering
        made = lowering.inferred(
            lambda: call.operation.compute_output_spec(*call.args, **call.kwargs))
        flat = keras.tree.flatten(made)
        values = lowering.call(call, flat)
        self._left.append((lowering.graph.nodes[-1], reason))
        return keras.tree.pack_sequence_as(made, list(map(lowering.tensor, values)))


def _first_line(error):
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:100]


def _checked(call, made):
    """The values that a handler returned, in their structure."""
    values = keras.tree.flatten(made)
    if not values or not all(isinstance(each, int) for each in values):
        raise TypeError(explain(
            "a handler must return one value for each output of the call", returned=made,
            layer=type(call.operation).__name__,
            fix="return what `lowering.add` returned, or raise Unfit(reason)"))
    return made
