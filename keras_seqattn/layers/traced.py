"""Layers whose outputs' shapes are found by tracing."""

import typing

import keras


class TracedLayer(keras.layers.Layer):
    """Base of layers that may return more than one output, such as scores or a state.

    `compute_output_shape` tells the shape of the first output alone. So symbolic outputs come from
    tracing `call`, and are right whatever is asked for.
    """

    def compute_output_spec(self, *args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        return keras.Operation.compute_output_spec(self, *args, **kwargs)
