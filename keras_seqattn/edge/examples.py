"""Examples as users have them, brought to one array for each input of a model.

Three questions are answered here. Which input does an array belong to? Do the examples come at once
or as a stream? What of an element of a stream is no input but a label?
"""

import collections.abc
import itertools
import typing

import numpy as np

from keras_seqattn.edge.structures import flat, is_list
from keras_seqattn.errors import explain

MOST = 512
USUAL = 128  # examples of a SOURCE


class _MisfitError(Exception):
    """The structure of the examples is not that of the inputs."""


def take(inputs: typing.Any, given: typing.Any, mean: typing.Any = 127.5, std: typing.Any = 127.5,
         targets: collections.abc.Sized | None = None) -> dict[str, np.ndarray]:
    """Brings examples to one array for each input.

    They may be

    - an array of the only input, `(n, …)`;
    - a list or tuple of arrays, in the order of the inputs;
    - a dictionary of arrays, by the keys that the model was made with or by the inputs' names;
    - a stream of batches or of single examples, with or without labels behind them: a
      `tf.data.Dataset`, `keras.utils.PyDataset`, generator or any other iterable;
    - a function that makes such a stream;
    - a SOURCE of images such as `sample:eurosat`.

    Of more than `MOST` examples `MOST` are taken: evenly spaced ones of arrays, the first ones of a
    stream. So shuffle a stream. With `targets` all are taken.

    Args:
        inputs: What `structures.inputs_of` returns, or a list of `structures.Port`.
        given: The examples.
        mean: Subtracted from the pixels of a SOURCE.
        std: Divides what remains.
        targets: What belongs to each example, which is not looked at.

    Returns:
        Dictionary of arrays `(n, …)` by the name of the input, in the input's dtype.

    Raises:
        ValueError: there is no example. Their structure, shapes or numbers are not those of the
            inputs. They are ragged, no numbers, or not finite.
    """
    ports = flat(inputs)
    if isinstance(given, str):
        given = _of_source(given, ports, mean, std)
    if callable(given):
        given = given()
    try:
        found = _streamed(inputs, given, targets) if _is_stream(given) else {
            name: _array(name, array) for name, array in _named(inputs, given).items()}
    except _MisfitError as misfit:
        raise ValueError(explain(
            "the examples must be those of the model's inputs", examples=str(misfit),
            inputs=[port.name for port in ports],
            fix="pass arrays by these names, or a list of them in this order")) from None
    _check_shapes(ports, found)
    count = len(next(iter(found.values())))
    fewer = count if targets is not None else min(count, MOST)
    chosen = np.linspace(0, count - 1, fewer).astype(int)
    return {port.name: _typed(port, found[port.name][chosen]) for port in ports}


def places(count: int) -> np.ndarray:
    """Which of a source's `count` training images are taken: `USUAL` of them, evenly spaced."""
    return np.linspace(0, count - 1, min(count, USUAL)).astype(int)


def _named(inputs, given):
    """What was given for each input, by name."""
    ports = flat(inputs)
    if isinstance(given, collections.abc.Mapping):
        if isinstance(inputs, dict) and set(inputs) <= set(given):
            return _joined((inputs[key], given[key]) for key in inputs)
        if {port.name for port in ports} <= set(given):
            return {port.name: given[port.name] for port in ports}
        raise _MisfitError(f"a dictionary of {_shortened(sorted(map(str, given)))}")
    if isinstance(given, (list, tuple)):
        whole = len(ports) > 1 or (len(given) == 1 and _rank(given[0]) == len(ports[0].shape))
        if whole and is_list(inputs) and len(inputs) == len(given):
            return _joined(zip(inputs, given, strict=True))
        if whole and len(ports) == len(given):
            return {port.name: each for port, each in zip(ports, given, strict=True)}
        if len(ports) > 1:
            raise _MisfitError(f"{len(given)} in a {type(given).__name__}")
    if len(ports) > 1:
        raise _MisfitError(f"one {type(given).__name__}")
    return {ports[0].name: given}


def _joined(pairs):
    return {name: each for inputs, given in pairs for name, each in _named(inputs, given).items()}


def _is_stream(given):
    return not hasattr(given, "__array__") and not isinstance(
        given, (collections.abc.Mapping, list, tuple)) and hasattr(given, "__iter__")


def _streamed(inputs, given, targets):
    """The first examples of a stream, of batches as of single ones."""
    most = MOST if targets is None else len(targets)
    ranks = {port.name: len(port.shape) for port in flat(inputs)}
    batches, count = [], 0
    for element in _elements(given):
        arrays = {name: _array(name, each) for name, each in _features(inputs, element).items()}
        batches.append({name: each[None] if each.ndim == ranks[name] - 1 else each
                        for name, each in arrays.items()})
        count += max(map(len, batches[-1].values()))
        if count >= most:
            break
    if not batches:
        raise ValueError(explain("there must be examples", examples=0,
                                 fix="pass a stream that has not been read yet"))
    return {name: _array(name, [row for batch in batches for row in batch[name]][:most])
            for name in ranks}


def _elements(given):
    """The elements of a stream; a `PyDataset` ends where its numbers do."""
    if hasattr(given, "num_batches"):
        known = given.num_batches
        return map(given.__getitem__, itertools.count() if known is None else range(known))
    return iter(given)


def _features(inputs, element):
    """The inputs in an element of a stream, which may have labels and weights behind them."""
    if isinstance(element, (list, tuple)) and 1 < len(element) <= 3:
        try:
            first = _named(inputs, element[0])
        except _MisfitError:
            return _named(inputs, element)
        ranks = {port.name: len(port.shape) for port in flat(inputs)}
        if all(_rank(each) in (ranks[name], ranks[name] - 1) for name, each in first.items()):
            return first
    return _named(inputs, element)


def _rank(value):
    shape = getattr(value, "shape", None)
    return np.ndim(value) if shape is None else len(shape)


def _array(name, value):
    """A NumPy array of numbers."""
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise ValueError(explain(
            "examples must be numbers, as many in each example", input=name,
            examples=type(value).__name__, fix="pad or resize them to one shape"))
    return array


def _check_shapes(ports, found):
    shapes = {name: array.shape for name, array in found.items()}
    wanted = {port.name: tuple(port.shape) for port in ports}
    fit = all(len(shape) == len(wanted[name]) and all(
        size is None or size == own for size, own in zip(wanted[name][1:], shape[1:], strict=True))
        for name, shape in shapes.items())
    if not fit or len({shape[0] for shape in shapes.values()}) != 1:
        raise ValueError(explain(
            "the examples must have the shapes of the model's inputs, and as many for each",
            example_shapes=shapes, input_shapes=wanted,
            fix="pass examples as the model takes them"))
    if not next(iter(shapes.values()))[0]:
        raise ValueError(explain("there must be examples", examples=0, fix="pass some"))


def _typed(port, array):
    """An array in the dtype of its input, if that keeps its values."""
    if array.dtype.kind in "fV" and not np.isfinite(array.astype("float32")).all():
        raise ValueError(explain("the examples must be finite", not_finite=port.name,
                                 fix="remove NaN and infinite values"))
    typed = array.astype(port.dtype)
    if typed.dtype.kind in "biu" and not (typed == array).all():
        raise ValueError(explain(
            f"the examples must be what {port.dtype} can hold", input=port.name,
            value=array[typed != array].flat[0].item(), fix="convert them"))
    return typed


def _of_source(source, ports, mean, std):
    from keras_seqattn import data
    from keras_seqattn.edge.contract.pixels import normalise

    examples = data.load(source, "train", tuple(ports[0].shape[1:]))
    images, _ = examples.read(places(len(examples)))
    return normalise(images, mean, std)


def _shortened(names, shown=5):
    return ", ".join(names[:shown]) + (" …" if len(names) > shown else "")
