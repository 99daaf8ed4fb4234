"""One call of an operation, as the trace meets it."""

import collections.abc
import dataclasses
import functools
import inspect
import re
import typing

import keras

from keras_seqattn.edge.graph.kinds import ACTIVATIONS


class Unfit(Exception):
    """A call has a form that its handler does not lower; the text is the reason."""


def is_symbolic(argument: typing.Any) -> bool:
    """Whether an argument is a symbolic tensor."""
    return isinstance(argument, keras.KerasTensor)


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of an operation with symbolic tensors.

    Attributes:
        operation: `keras.Operation`, most often a layer.
        args: Positional arguments, of any structure.
        kwargs: Named arguments.
    """

    operation: keras.Operation
    args: tuple
    kwargs: dict

    @functools.cached_property
    def tensors(self) -> list:
        """Symbolic tensors that the call reads, in order; one that it reads twice stands twice."""
        return list(filter(is_symbolic, keras.tree.flatten((self.args, self.kwargs))))

    @property
    def name(self) -> str:
        """Name of a layer; of another operation that of its class, which is the same each time."""
        if isinstance(self.operation, keras.Layer):
            return self.operation.name
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self.operation).__name__).lower()

    def arguments(self, values: list) -> tuple[tuple, dict]:
        """Returns the positional and the named arguments, with `values` in place of `tensors`."""
        filled = dict(zip(map(id, self.tensors), values, strict=True))
        return keras.tree.map_structure(
            lambda each: filled[id(each)] if is_symbolic(each) else each, (self.args, self.kwargs))

    def named(self) -> dict[str, typing.Any]:
        """Returns what the call was given, by the names of the arguments of `call`."""
        own = type(self.operation).call is not keras.Operation.call
        function = self.operation.call if own else self.operation.compute_output_spec
        return inspect.signature(function).bind(*self.args, **self.kwargs).arguments


def given(call: Call) -> dict[str, typing.Any]:
    """Returns what a call was given, by name, without what has no effect at inference.

    Left out are `training`, `None`, `False` and 0.
    """
    return {name: value for name, value in call.named().items() if name != "training"
            and value is not None and not (isinstance(value, int) and value == 0)}


def activation_of(layer: keras.layers.Layer) -> collections.abc.Callable | None:
    """Returns the activation of a layer, or `None` for the identity.

    Raises:
        Unfit: the activation is not one of those that nodes know.
    """
    if layer.activation in (None, keras.activations.linear):
        return None
    if layer.activation not in ACTIVATIONS:
        raise Unfit("its activation is a function of its own")
    return layer.activation
