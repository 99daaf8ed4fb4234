"""What a handler is given, and what it owes: the contract between the walk and the handlers.

A handler lowers one call of one class of layers. It is a function with three arguments:

- `lowering` is a `Lowering`. It takes the nodes and gives the layer's weights as arrays.
- `call` is a `borrowed.Call`. It has the layer, the tensors that are read and made, the arguments.
- `inputs` are the numbers of the values of `call.tensors`, in the same order.

A handler adds nodes and returns the value that the call makes. For several outputs it returns a
list with one value each, in the order of `call.outputs`.

A handler that does not know this form of the call raises `Unfit` with the reason. Then the layer
is left as it is, and the graph's notes tell why. Nodes that were added before do no harm, since
nothing reads them. Any other error comes out of `lower`.

The handler of a layer that multiplies by a number, or by a weight for each feature:

>>> def times(lowering, call, inputs):
...     layer = call.operation
...     if layer.per_feature:
...         raise Unfit("it has a factor for each feature")
...     weights = {"factor": lowering.array(layer.factor), "offset": lowering.array(0)}
...     return lowering.add("scale", layer.name, inputs, weights)

A handler takes effect by a row in the table `HANDLERS` at the end of its file: layer class to
handler. `walk` joins the tables.
"""

import collections.abc
import typing

import keras

from keras_seqattn.borrowed import Call
from keras_seqattn.edge.graph.graph import Graph


class Unfit(Exception):
    """A call has a form that its handler does not lower; the text is the reason."""


class Lowering:
    """Where handlers put nodes, and whence they take weights.

    Args:
        graph: `Graph` that grows.
        dtype: Dtype of the arrays.
        fuse: Whether recurrent layers take the form that TFLite fuses.
    """

    def __init__(self, graph: Graph, dtype: str, fuse: bool) -> None:
        self.graph = graph
        self.dtype = dtype
        self.fuse = fuse

    def add(self, kind: str, name: str, inputs: collections.abc.Iterable[int],
            weights: dict[str, typing.Any] | None = None, **settings: typing.Any) -> int:
        """Appends a node to the graph and returns the value that it makes, as `Graph.add` does."""
        return self.graph.add(kind, name, inputs, weights, **settings)

    def call(self, call: Call, inputs: list[int],
             function: collections.abc.Callable | None = None) -> list[int]:
        """Appends a call of the operation itself, or of a function that does the same.

        Args:
            call: The call in the Keras model.
            inputs: Numbers of the values it reads.
            function: Function with the arguments of the operation, to call in its place.

        Returns:
            Numbers of the values it makes.
        """
        return self.graph.add_many(len(call.outputs), "call", call.operation.name, inputs,
                                   call=call, function=function)

    def array(self, variable: typing.Any, *shape: int) -> typing.Any:
        """Returns a variable's value as NumPy, reshaped to `shape` if one is given.

        `None` stays `None`.
        """
        if variable is None:
            return None
        array = keras.ops.convert_to_numpy(variable).astype(self.dtype)
        return array.reshape(shape) if shape else array


Handler: typing.TypeAlias = collections.abc.Callable[
    [Lowering, Call, list[int]], "int | list[int]"]


def given(call: Call) -> dict[str, typing.Any]:
    """Returns what a call was given, by name, without what has no effect at inference.

    Left out are `training`, `None`, `False` and 0.
    """
    return {name: value for name, value in call.named().items() if name != "training"
            and value is not None and not (isinstance(value, int) and value == 0)}


def activation_of(layer: keras.layers.Layer) -> collections.abc.Callable | None:
    """Returns the activation of a layer, or `None` for the identity."""
    return None if layer.activation is keras.activations.linear else layer.activation


def of_layer(add_layer: collections.abc.Callable[[Lowering, typing.Any, int, str], int],
             ) -> Handler:
    """Makes a handler of a function that adds a layer's nodes whatever the call is given.

    Args:
        add_layer: Function of the lowering, the layer, the value that is read and the name of the
            nodes. Composed layers call the same function for the layers inside.

    Returns:
        The handler.
    """
    def handler(lowering, call, inputs):
        x, = inputs
        return add_layer(lowering, call.operation, x, call.operation.name)
    return handler
