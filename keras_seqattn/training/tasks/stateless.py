"""A layer's call as a function of the values of its variables, that can be repeated or looped."""

import collections.abc
import typing

import keras

from keras_seqattn.shapes import Tensor

Call: typing.TypeAlias = collections.abc.Callable[..., typing.Any]


def stateless(layer: keras.layers.Layer, call: Call) -> Call:
    """Makes a function of a layer's call that changes no variable.

    Args:
        layer: Built layer.
        call: Its method, which may draw dropout and so change the layer's seeds.

    Returns:
        Function of a list of values, one for each of `layer.variables`, and of the arguments of the
        call. It returns what the call returns, and for each of `layer.non_trainable_variables` its
        new value. That is `None` where the call has not changed it, as a frozen weight.
    """
    def run(values: list[Tensor], *given: typing.Any, **named: typing.Any) -> tuple:
        kept = layer.non_trainable_variables
        with keras.StatelessScope(list(zip(layer.variables, values, strict=True))) as scope:
            before = [scope.get_current_value(each) for each in kept]
            outputs = call(*given, **named)
        after = [scope.get_current_value(each) for each in kept]
        return outputs, [None if new is old else new
                         for new, old in zip(after, before, strict=True)]
    return run


def values_of(layer: keras.layers.Layer) -> list[Tensor]:
    """Returns the values of `layer.variables`, in the compute dtype where a layer is called."""
    return [keras.ops.convert_to_tensor(variable) for variable in layer.variables]


def keep_state(layer: keras.layers.Layer, values: collections.abc.Iterable[Tensor | None]) -> None:
    """Gives `layer.non_trainable_variables` new values; `None` changes nothing."""
    for variable, value in zip(layer.non_trainable_variables, values, strict=True):
        if value is not None:
            variable.assign(value)
