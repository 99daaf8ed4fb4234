"""Inputs and outputs in the structures that a model was made with, such as dictionaries."""

from __future__ import annotations

import collections
import collections.abc
import itertools
import typing

if typing.TYPE_CHECKING:
    import keras

TAKEN = ("self",)   # LiteRT's function of named arrays takes it itself


class Port(typing.NamedTuple):
    """An input, where no model tells of one.

    Attributes:
        name: Its name.
        shape: `(B, …)`; `None` for a size that is not fixed.
        dtype: NumPy's name of its type.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


def inputs_of(model: keras.Model) -> typing.Any:
    """Returns the inputs of a model in the structure that it was made with."""
    from keras_seqattn import borrowed

    inner = borrowed.functional(model)
    return model.inputs if inner is None else inner.input


def inputs_by_name(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Gives the inputs of a model their names, those that its file has.

    They are the keys of a dictionary, joined by `_` where it is nested, or else the names of the
    tensors. A name of `TAKEN` gets a `_` behind it.

    Args:
        model: The model.

    Returns:
        The symbolic inputs by name, in the order in which Keras takes them.
    """
    import keras

    made = inputs_of(model)
    if isinstance(made, dict):
        pairs = [(_joined(path), tensor) for path, tensor in keras.tree.flatten_with_path(made)]
    else:
        pairs = [(tensor.name, tensor) for tensor in keras.tree.flatten(made)]
    return _unique((f"{name}_" if name in TAKEN else name, tensor) for name, tensor in pairs)


def renamed(model: keras.Model) -> list[str]:
    """Says which inputs of a model have a name of `TAKEN`, one sentence each."""
    return [f"input {name[:-1]} is named {name} in the file, since LiteRT cannot be given "
            f"{name[:-1]}" for name in inputs_by_name(model) if name[:-1] in TAKEN]


def in_sizes(inputs: typing.Any, shapes: collections.abc.Mapping[str, tuple[int | None, ...]],
             ) -> typing.Any:
    """Returns the structure of inputs with a `Port` of a given shape in place of each.

    Args:
        inputs: What `inputs_of` returns.
        shapes: Shape of each, the batch included, by the input's own name.
    """
    if isinstance(inputs, dict):
        return type(inputs)((key, in_sizes(each, shapes)) for key, each in inputs.items())
    if is_list(inputs):
        return [in_sizes(each, shapes) for each in inputs]
    return Port(inputs.name, shapes[inputs.name], inputs.dtype)


def flat(inputs: typing.Any) -> list:
    """Returns the inputs of a structure in the order of the model: that of a dictionary's keys."""
    if isinstance(inputs, dict):
        keys = inputs if isinstance(inputs, collections.OrderedDict) else sorted(inputs)
        return [port for key in keys for port in flat(inputs[key])]
    if is_list(inputs):
        return [port for each in inputs for port in flat(each)]
    return [inputs]


def as_made(inputs: typing.Any, arrays: collections.abc.Mapping[str, typing.Any]) -> typing.Any:
    """Puts arrays by name into the structure that a model was made with.

    Args:
        inputs: What `inputs_of` returns.
        arrays: Arrays by the name of the input.
    """
    if isinstance(inputs, dict):
        return type(inputs)((key, as_made(each, arrays)) for key, each in inputs.items())
    if is_list(inputs):
        return [as_made(each, arrays) for each in inputs]
    return arrays[inputs.name]


def batch_size(details: collections.abc.Mapping[str, collections.abc.Mapping]) -> int:
    """Returns how many examples a run of a file takes: the first size of each of its inputs.

    It is 1 where that is unknown, or not the same of all.

    Args:
        details: The `"shape"` of each input by its name.

    >>> batch_size({"ids": {"shape": (4, 128)}, "mask": {"shape": (4, 128)}})
    4
    """
    sizes = {int(each["shape"][0]) for each in details.values() if len(each["shape"])}
    return max(*sizes, 1) if len(sizes) == 1 else 1


def outputs_by_name(model: keras.Model, outputs: typing.Any) -> dict[str, typing.Any]:
    """Gives the outputs of a model their names, those that its file has.

    They are the keys of a dictionary, joined by `_` where it is nested, or else the names of the
    layers. Of several outputs of one name each but the first has its number behind the name.

    Args:
        model: The model.
        outputs: What calling it returned.
    """
    import keras

    from keras_seqattn import borrowed

    if isinstance(outputs, dict):
        return _unique((_joined(path), each)
                       for path, each in keras.tree.flatten_with_path(outputs))
    values = keras.tree.flatten(outputs)
    names = list(getattr(borrowed.functional(model), "output_names", None) or [])
    names += ["output"] * (len(values) - len(names))
    return _unique(zip(names, values, strict=False))


def _joined(path):
    return "_".join(map(str, path))


def _unique(pairs):
    """A dictionary of pairs of name and value; what has the name of another gets a number."""
    pairs = list(pairs)
    named: dict[str, typing.Any] = {}
    names = {name for name, _ in pairs}
    for name, value in pairs:
        free = (each for i in itertools.count(1) if (each := f"{name}_{i}") not in names)
        named[name if name not in named else next(
            each for each in free if each not in named)] = value
    return named


def is_list(value: typing.Any) -> bool:
    """Whether a value is a list or tuple, and no `Port`."""
    return isinstance(value, (list, tuple)) and not isinstance(value, Port)
