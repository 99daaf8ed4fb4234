"""NumPy's numbers as arguments: they become Python's, so that configs hold plain numbers."""

import functools
import inspect
import typing
from collections.abc import Callable

import numpy as np

Arguments = typing.ParamSpec("Arguments")
Result = typing.TypeVar("Result")


def plain(value: typing.Any) -> typing.Any:
    """Turns a number of NumPy, also within tuples and lists, into one of Python.

    All else stays as it is, and so do arrays that have axes.

    >>> plain((np.int64(3), np.float32(0.5), np.bool_(True), "mean"))
    (3, 0.5, True, 'mean')
    """
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim):
        return value.item()
    if type(value) in (tuple, list):
        return type(value)(map(plain, value))
    return value


def plain_numbers(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Lets a function take NumPy's numbers. They reach it as Python's.

    >>> plain_numbers(lambda number: type(number))(np.int64(3))
    <class 'int'>
    """
    @functools.wraps(function)
    def with_plain_numbers(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return function(*map(plain, args), **{
            name: plain(value) for name, value in kwargs.items()})

    # Keras reads the names of the arguments from here, since it does not look through wrappers.
    setattr(with_plain_numbers, "__signature__", inspect.signature(function))  # noqa: B010
    return with_plain_numbers
