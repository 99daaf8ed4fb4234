"""What a handler is given, and what it owes: the contract between the trace and the handlers.

A handler lowers one call of one class of operations, layers and functions of `keras.ops` alike. It
is a function with three arguments:

- `lowering` is a `Lowering`. It takes the nodes and gives the layer's weights as arrays.
- `call` is a `Call`. It has the operation, the tensors that are read, the arguments.
- `inputs` are the numbers of the values of `call.tensors`, in the same order.

A handler adds nodes and returns the value that the call makes. For several outputs it returns the
structure of them, such as a list.

A handler that does not know this form of the call raises `Unfit` with the reason. Then the
operation is opened: its own `call` is traced. Nodes that were added before do no harm, since
nothing reads them. Any other error comes out of `lower`.

The handler of a layer that multiplies by a number, or by a weight for each feature:

>>> def times(lowering, call, inputs):
...     layer = call.operation
...     if layer.per_feature:
...         raise Unfit("it has a factor for each feature")
...     weights = {"factor": lowering.array(layer.factor), "offset": lowering.array(0)}
...     return lowering.add("scale", layer.name, inputs, weights)

A handler takes effect by a row in the table `HANDLERS` at the end of its file: class of the
operation to handler. `handlers` joins the tables.
"""

import collections.abc
import typing

import keras
import numpy as np

from keras_seqattn.edge.graph.graph import Graph, Node
from keras_seqattn.edge.graph.kinds import KINDS
from keras_seqattn.edge.lower.call import Call, Unfit, is_symbolic
from keras_seqattn.edge.lower.moves import shorter

Function: typing.TypeAlias = collections.abc.Callable[..., typing.Any]


class Lowering:
    """Where handlers put nodes, and whence they take weights.

    Args:
        graph: `Graph` that grows.
        dtype: Dtype of the arrays of floats.
        fuse: Whether recurrent layers take the form that TFLite fuses.
    """

    def __init__(self, graph: Graph, dtype: str, fuse: bool) -> None:
        self.graph = graph
        self.dtype = dtype
        self.fuse = fuse
        self.scope: list[str] = []
        self._known: dict[int, tuple[keras.KerasTensor, int]] = {}
        self._specs: dict[int, keras.KerasTensor] = {}
        self._constants: dict[int, np.ndarray] = {}
        self._makers: dict[int, tuple[Graph, Node]] = {}
        self.infers = False     # while shapes are inferred, symbolic calls mean no nodes

    def add(self, kind: str, name: str, inputs: collections.abc.Iterable[int],
            weights: dict[str, typing.Any] | None = None, **settings: typing.Any) -> int:
        """Appends a node to the graph and returns the value that it makes, as `Graph.add` does."""
        return self.add_many(1, kind, name, inputs, weights, **settings)[0]

    def add_many(self, num_outputs: int, kind: str, name: str,
                 inputs: collections.abc.Iterable[int],
                 weights: dict[str, typing.Any] | None = None,
                 **settings: typing.Any) -> list[int]:
        """Appends a node that makes several values, as `add` does; returns their numbers."""
        inputs = list(inputs)
        if inputs and num_outputs == 1 and all(value in self._constants for value in inputs):
            return [self._computed(kind, inputs, weights, settings)]
        if len(inputs) == 1:
            better = shorter(self, kind, inputs[0], weights or {}, settings)
            if isinstance(better, int):
                return [better]
            inputs, settings = [better[0]], better[1]
        values = self.graph.add_many(
            num_outputs, kind, "/".join([*self.scope, name]), inputs, weights, **settings)
        node = self.graph.nodes[-1]
        made = self.inferred(lambda: node.row.compute(
            *map(self.spec, node.inputs), **node.weights, **node.settings))
        self._makers.update(dict.fromkeys(values, (self.graph, node)))
        self._tell(values, keras.tree.flatten(made))
        return values

    def _computed(self, kind, inputs, weights, settings):
        """What a node of constants makes, as a constant."""
        kept = {key: array for key, array in (weights or {}).items() if array is not None}
        made = KINDS[kind].compute(
            *(self._constants[value] for value in inputs), **kept, **settings)
        return self.value(made)

    def call(self, call: Call, made: list) -> list[int]:
        """Appends a call of an operation itself.

        Args:
            call: The call.
            made: Symbolic tensors of the shapes and dtypes that it makes.

        Returns:
            Numbers of the values it makes.
        """
        values = self.graph.add_many(
            len(made), "call", "/".join([*self.scope, call.name]), map(self.value, call.tensors),
            call=call)
        self._tell(values, made)
        return values

    def _tell(self, values, made):
        """Remembers shapes and dtypes of values."""
        for value, each in zip(values, made, strict=True):
            self._specs[value] = keras.KerasTensor(
                tuple(each.shape), keras.backend.standardize_dtype(each.dtype))

    def inferred(self, function: Function) -> typing.Any:
        """Returns what a function of symbolic tensors gives, and adds no nodes for it."""
        before, self.infers = self.infers, True
        try:
            return function()
        finally:
            self.infers = before

    def spec(self, value: int) -> keras.KerasTensor:
        """Returns shape and dtype of a value, as a symbolic tensor."""
        return self._specs[value]

    def maker(self, value: int) -> Node | None:
        """Returns the node that makes a value, or `None` of what enters the graph or a loop."""
        graph, node = self._makers.get(value, (None, None))
        return node if graph is self.graph else None

    def tensor(self, value: int) -> keras.KerasTensor:
        """Returns a symbolic tensor that stands for a value, to call Keras with."""
        spec = self.spec(value)
        made = keras.KerasTensor(spec.shape, spec.dtype)
        self._known[id(made)] = made, value
        return made

    def input(self, spec: keras.KerasTensor) -> int:
        """Returns a value that enters the graph, of the shape and dtype of a symbolic tensor."""
        value = self.graph.new_value()
        self._specs[value] = spec
        return value

    def value(self, argument: typing.Any, like: str | None = None) -> int:
        """Returns the value of an argument; of one that is no symbolic tensor, a constant.

        Args:
            argument: Symbolic tensor, variable, array or number.
            like: Dtype of a number of Python. By default that of NumPy.
        """
        if is_symbolic(argument):
            return self._known[id(argument)][1]
        array = self.array(argument)
        if like is not None and isinstance(argument, (bool, int, float)):
            array = array.astype(self.dtype if "float" in like else like)
        value = self.add("constant", "constant", [], {"value": array})
        self._constants[value] = array
        return value

    def known(self, value: int) -> np.ndarray | None:
        """Returns the array of a constant, or `None` of what is computed."""
        return self._constants.get(value)

    def body(self, function: Function, *specs: keras.KerasTensor) -> tuple[Graph, list[int]]:
        """Traces a function into a graph of its own, such as the step of a loop.

        Args:
            function: Function of symbolic tensors, to a structure of them.
            *specs: Symbolic tensors of the shapes and dtypes that it is given.

        Returns:
            The graph, and the values of this graph that it reads besides. Its inputs are named
            `"0"`, `"1"` and so on, with those values at the end. So are its outputs, in order.
        """
        outer, self.graph = self.graph, self.graph.inner()
        try:
            inputs = list(map(self.input, specs))
            outputs = list(map(self.value, keras.tree.flatten(
                function(*map(self.tensor, inputs)))))
        finally:
            inner, self.graph = self.graph, outer
        outer.skip(inner)
        inner.outputs = {str(place): value for place, value in enumerate(outputs)}
        inner.drop_unread()
        made = {value for node in inner.nodes for value in node.outputs} | set(inputs)
        read = [*(value for node in inner.nodes for value in node.inputs), *outputs]
        captured = list(dict.fromkeys(value for value in read if value not in made))
        for value in [value for value in captured if value in self._constants]:
            inner.nodes.insert(0, Node("constant", "constant", [], [value],
                                       {"value": self._constants[value]}, {}))
            captured.remove(value)
        inner.inputs = {str(place): value for place, value in enumerate([*inputs, *captured])}
        return inner, captured

    def apply(self, function: Function, *values: int) -> int:
        """Returns the value of a function of `keras.ops` of values: it is traced.

        Args:
            function: Function of symbolic tensors that returns one.
            *values: Values that it is given.
        """
        return self.value(function(*map(self.tensor, values)))

    def array(self, variable: typing.Any, *shape: int) -> typing.Any:
        """Returns a variable's value as NumPy, reshaped to `shape` if one is given.

        `None` stays `None`. Floats get the dtype of the graph, integers keep theirs.
        """
        if variable is None:
            return None
        array = np.asarray(variable if isinstance(variable, (bool, int, float, np.ndarray))
                           else keras.ops.convert_to_numpy(variable))
        if not np.issubdtype(array.dtype, np.integer) and array.dtype != bool:
            array = array.astype(self.dtype)
        elif array.dtype == "int64" and not isinstance(variable, np.ndarray):
            array = array.astype("int32")
        return array.reshape(shape) if shape else array


Handler: typing.TypeAlias = collections.abc.Callable[
    [Lowering, Call, list[int]], typing.Any]


def of_layer(add_layer: collections.abc.Callable[[Lowering, typing.Any, int, str], int],
             ) -> Handler:
    """Makes a handler of a function that adds a layer's nodes from one tensor.

    Args:
        add_layer: Function of the lowering, the layer, the value that is read and the name of the
            nodes. Composed layers call the same function for the layers inside.

    Returns:
        The handler. A call with several tensors is unfit.
    """
    def handler(lowering, call, inputs):
        if len(inputs) != 1:
            raise Unfit("it reads several tensors")
        return add_layer(lowering, call.operation, inputs[0], call.name)
    return handler
