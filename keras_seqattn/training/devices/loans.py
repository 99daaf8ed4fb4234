"""A private part of Keras that several processes borrow; refused where this Keras lacks it."""

import collections.abc
import contextlib
import typing

import keras

from keras_seqattn.errors import LoanError, explain


@contextlib.contextmanager
def holding(variables: list[keras.Variable], values: list[typing.Any]
            ) -> collections.abc.Iterator[None]:
    """Lets variables hold other tensors as long as the block runs, wherever these lie.

    Raises:
        LoanError: variables of this Keras keep their tensors elsewhere.
    """
    if not all(hasattr(variable, "_value") for variable in variables):
        raise LoanError(explain(
            "several processes need a private part of Keras, and this version lacks it",
            loan="Variable._value", keras=keras.__version__,
            fix="install a version of Keras that keras_seqattn was tested with"))
    before = [variable._value for variable in variables]
    try:
        for variable, value in zip(variables, values, strict=True):
            variable._value = value
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable._value = value
