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
        call. It returns what the call returns, and the new values of
        `layer.non_trainable_variables`.
    """
    def run(values: list[Tensor], *given: typing.Any, **named: typing.Any) -> tuple:
        with keras.StatelessScope(list(zip(layer.variables, values, strict=True))) as scope:
            outputs = call(*given, **named)
        return outputs, [scope.get_current_value(each) for each in layer.non_trainable_variables]
    return run


def values_of(layer: keras.layers.Layer) -> list[Tensor]:
    """Returns the values of `layer.variables`."""
    return [keras.ops.convert_to_tensor(variable) for variable in layer.variables]


def keep_state(layer: keras.layers.Layer, values: collections.abc.Iterable[Tensor]) -> None:
    """Gives `layer.non_trainable_variables` new values."""
    for variable, value in zip(layer.non_trainable_variables, values, strict=True):
        variable.assign(value)
