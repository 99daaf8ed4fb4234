"""Types of the settings that Keras takes by their name or as an object."""

import typing
from collections.abc import Callable

import keras

from keras_seqattn.shapes import Tensor

Activation: typing.TypeAlias = str | Callable[[Tensor], Tensor] | None
Constraint: typing.TypeAlias = str | keras.constraints.Constraint | None
Initializer: typing.TypeAlias = str | keras.initializers.Initializer
Regularizer: typing.TypeAlias = str | keras.regularizers.Regularizer | None
