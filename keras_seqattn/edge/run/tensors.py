"""From what a user passes to a file's tensors, and back to floats."""

import collections.abc
import typing

import numpy as np

from keras_seqattn.errors import explain

Details: typing.TypeAlias = collections.abc.Mapping[str, collections.abc.Mapping]


def taken(inputs: typing.Any, signatures: collections.abc.Sequence[Details],
          ) -> tuple[dict[str, np.ndarray], list[int]]:
    """Brings examples to the names and dtypes of a file's inputs.

    Args:
        inputs: Array `(B, …)`. Or several as `model.predict` takes them: a list in the order of
            the file's inputs, or a dictionary by input name.
        signatures: Of each signature the `"shape"`, `"dtype"` and maybe `"quantization"` of each
            input by its name.

    Returns:
        Array `(B, …)` by input name, and the places of the signatures that take such examples.

    Raises:
        ValueError: there is no example. The file has no inputs of such names, number or shapes.
            An input cannot hold a value.
    """
    arrays = {name: _array(name, each)
              for name, each in _named(inputs, signatures[0]).items()}
    got = {name: array.shape[1:] for name, array in arrays.items()}
    known = [{name: tuple(map(int, each["shape"][1:])) for name, each in details.items()}
             for details in signatures]
    counts = {array.shape[:1] for array in arrays.values()}
    places = [place for place, wanted in enumerate(known) if got == wanted]
    if not places or len(counts) != 1 or counts & {(), (0,)}:
        shapes = [each for place, each in enumerate(known) if each not in known[:place]]
        raise ValueError(explain(
            "the inputs must have the file's names and shapes, after one batch axis",
            inputs={name: array.shape for name, array in arrays.items()},
            file_inputs=shapes if len(shapes) > 1 else shapes[0], fix="convert the inputs"))
    details = signatures[places[0]]
    return {name: _quantised(name, array, details[name])
            for name, array in arrays.items()}, places


def has_examples(detail: collections.abc.Mapping, size: int) -> bool:
    """Whether the first axis of an output counts the examples of a run.

    Args:
        detail: The output's `"shape"`.
        size: Examples that a run takes.

    >>> has_examples({"shape": (1, 7)}, 1), has_examples({"shape": ()}, 1)
    (True, False)
    """
    return tuple(detail["shape"][:1]) in ((size,), (-1,))


def joined(runs: collections.abc.Sequence[tuple[dict[str, np.ndarray], int, int]],
           ) -> dict[str, np.ndarray]:
    """Joins what several runs gave.

    Args:
        runs: Of each run the arrays by output name, how many examples it took, and how many count.
            The examples behind those that count are copies.

    Returns:
        Array `(B, …)` by output name. Of an output without an axis of examples the arrays of the
        runs are stacked.
    """
    def rows(array, size, count):
        return array[:count] if np.shape(array)[:1] == (size,) else np.asarray(array)[None]

    return {name: np.concatenate([rows(outputs[name], *sizes) for outputs, *sizes in runs])
            for name in runs[0][0]}


def given(array: np.ndarray, detail: collections.abc.Mapping) -> np.ndarray:
    """Brings an output to floats if the file has it in integers of a scale."""
    scale, zero = detail.get("quantization", (0.0, 0))
    return ((array.astype("float32") - zero) * scale).astype("float32") if scale else array


def _named(inputs, details):
    """The inputs by their names."""
    if isinstance(inputs, collections.abc.Mapping):
        return dict(_opened(inputs, details, ()))
    listed = isinstance(inputs, (list, tuple))
    if len(details) == 1:
        (name, detail), = details.items()
        alone = listed and len(inputs) == 1 and (
            getattr(inputs[0], "ndim", None) == len(detail["shape"]))
        return {name: inputs[0] if alone else inputs}
    ranks = [len(each["shape"]) for each in details.values()]
    if listed and [getattr(each, "ndim", None) for each in _listed(inputs)] == ranks:
        inputs = list(_listed(inputs))
    if not listed or len(inputs) != len(details):
        raise ValueError(explain(
            "the inputs must be a list or a dictionary with an array for each input of the file",
            inputs=len(inputs) if listed else type(inputs).__name__,
            file_inputs=list(details), fix="pass a list in this order, or a dictionary"))
    return dict(zip(details, inputs, strict=True))


def _opened(inputs, details, path):
    """The arrays of a nested dictionary, with the keys on their way joined by `_`."""
    for key, each in inputs.items():
        name = "_".join(map(str, (*path, key)))
        if name not in details and isinstance(each, (list, tuple)):
            each = dict(enumerate(each))
        if name not in details and isinstance(each, collections.abc.Mapping):
            yield from _opened(each, details, (*path, key))
        else:
            yield name, each


def _listed(inputs):
    """The arrays of nested lists, and of dictionaries in them in the order of their keys."""
    for each in inputs:
        if isinstance(each, collections.abc.Mapping):
            each = [each[key] for key in sorted(each)]
        if isinstance(each, (list, tuple)):
            yield from _listed(each)
        else:
            yield each


def _array(name, values):
    try:
        array = np.asarray(values)
    except ValueError:  # rows of several lengths
        array = np.asarray(None)
    if array.dtype.kind in "OSU":
        raise ValueError(explain("an input must be an array of numbers", input=name,
                                 given=type(values).__name__, fix="make all rows equally long"))
    return array


def _quantised(name, array, detail):
    """An input in its tensor's dtype, or an error where that changes a value."""
    dtype, (scale, zero) = np.dtype(detail["dtype"]), detail.get("quantization", (0.0, 0))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        _refuse(name, array, ~np.isfinite(array), "finite")
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            typed = array.astype(dtype)
        wrong = ~np.isfinite(typed)
    elif scale and array.dtype.kind == "f":
        limits = np.iinfo(dtype)
        return np.clip(np.round(array / scale) + zero, limits.min, limits.max).astype(dtype)
    else:
        with np.errstate(invalid="ignore"):
            typed = array.astype(dtype)
        wrong = typed != array
    if wrong.any():
        _refuse(name, array, wrong, f"a value that {dtype.name} can hold")
    return typed


def _refuse(name, array, wrong, rule):
    raise ValueError(explain(
        f"every value of an input must be {rule}", input=name, value=array[wrong].flat[0].item(),
        place=tuple(map(int, np.argwhere(wrong)[0])), values=int(wrong.sum()),
        fix="look for what made it"))
