"""The sizes that inputs have in a file: one signature for each shape and each batch.

Several signatures of one file share its weights. So a model of any length leaves in a few lengths,
and what runs the file takes the one that fits.
"""

from __future__ import annotations

import collections.abc
import typing

from keras_seqattn.edge import structures
from keras_seqattn.errors import check_count, explain, nearest

if typing.TYPE_CHECKING:
    import keras

    from keras_seqattn.edge.formats import Format
    from keras_seqattn.edge.graph.graph import Graph

Shape: typing.TypeAlias = tuple[int, ...]
Signatures: typing.TypeAlias = dict[str, dict[str, Shape]]


def signatures(model: keras.Model, form: Format, input_shapes: typing.Any = None,
               batch_size: int | collections.abc.Iterable[int] = 1) -> Signatures:
    """Decides which signatures the file of a model has.

    Args:
        model: Built `keras.Model`.
        form: Format of the file.
        input_shapes: Shape of one example, without the batch. It is a tuple for the only input, or
            a dictionary of tuples by name of the input. A list of such for several signatures. What
            is not told, or `None`, is as the model has it.
        batch_size: Examples that one run takes, or several such numbers.

    Returns:
        By name of the signature the shape of each input by its name. Shapes include the batch. The
        first signature is the main one. A single one is `serving_default`. Others tell what sets
        them apart, such as `shape_160x160x3_batch_4`.

    Raises:
        ValueError: an unknown input, a shape of another rank, or a size that is not the model's. A
            size that nobody tells. Several signatures of a format that has one.
    """
    from keras_seqattn.edge.tflite.write.writer import SIGNATURE

    own = {name: tuple(tensor.shape)[1:] for name, tensor in _inputs(model).items()}
    shapes = [_sizes(own, each) for each in _listed(own, input_shapes)]
    shapes = [each for i, each in enumerate(shapes) if each not in shapes[:i]]
    batches = list(dict.fromkeys(_batches(batch_size)))
    apart = [_part(shape, shapes) for shape in shapes]
    found = {"_".join([*part, *([f"batch_{batch}"] if len(batches) > 1 else [])]) or SIGNATURE:
             {name: (batch, *each) for name, each in shape.items()}
             for shape, part in zip(shapes, apart, strict=True) for batch in batches}
    if len(found) > 1 and form.write_graphs is None:
        raise ValueError(explain(
            f"files of {form.suffix} have one signature, so one shape and one batch size",
            signatures=list(found), fix="export a file for each, or a .tflite file"))
    return found


def examples_of(model: keras.Model, shapes: Signatures) -> typing.Any:
    """Returns the inputs of a model as examples for the main signature have them.

    Args:
        model: Built `keras.Model`.
        shapes: What `signatures` returned.

    Returns:
        `Port` of each input, in the structure that the model was made with.
    """
    main = next(iter(shapes.values()))
    return structures.in_sizes(structures.inputs_of(model), {
        tensor.name: (None, *main[name][1:])
        for name, tensor in structures.inputs_by_name(model).items()})


def check_outputs(graph: Graph) -> None:
    """Refuses several examples in a run where an output cannot be told apart by example.

    Args:
        graph: `Graph` of one signature.

    Raises:
        ValueError: the first axis of an output is not the batch.
    """
    batch = next(iter(graph.specs.values()))[0][0]
    shared = {name: shape for name, (shape, _) in graph.made.items() if shape[:1] != (batch,)}
    if batch > 1 and shared:
        raise ValueError(explain(
            "the first axis of each output must be the batch where a run takes several examples",
            batch_size=batch, outputs=shared, fix="export with batch_size=1"))


def _inputs(model):
    """The model's inputs by name, or an error of a model whose inputs nobody knows."""
    if not getattr(model, "inputs", None):
        raise ValueError(explain(
            "`model` must be a keras.Model whose inputs are known", model=type(model).__name__,
            fix="with x = keras.Input(shape) export keras.Model(x, model(x)), where shape is that "
                "of one example"))
    return structures.inputs_by_name(model)


def _listed(own, given):
    """What was given as a list with a dictionary for each shape."""
    if given is None:
        return [{}]
    if not isinstance(given, list) or _is_one(own, given):
        given = [given]
    if not given:
        raise ValueError(explain("`input_shapes` must hold a shape", input_shapes=given,
                                 fix="pass one, or leave it out"))
    return [_named(own, each) for each in given]


def _is_one(own, given):
    """Whether a list is one shape, as JSON has it, rather than shapes of one axis each."""
    shape, *others = own.values()
    return (not others and len(given) == len(shape) != 1
            and all(size is None or isinstance(size, int) for size in given))


def _named(own, given):
    if not isinstance(given, collections.abc.Mapping):
        if len(own) != 1:
            raise ValueError(explain(
                "`input_shapes` must name the inputs of a model of several", input_shapes=given,
                inputs=list(own), fix="pass {name: shape}"))
        given = dict.fromkeys(own, given)
    for name in given:
        if name not in own:
            raise ValueError(explain("`input_shapes` must name inputs of the model", name=name,
                                     fix=nearest(name, own)))
    return {name: (each,) if isinstance(each, int) else tuple(each)
            for name, each in given.items()}


def _sizes(own, given):
    """The shape of each input for one of the shapes that were given."""
    found = {}
    for name, shape in own.items():
        told = given.get(name, shape)
        if len(told) != len(shape):
            raise ValueError(explain(
                "a shape must have the axes of its input, without the batch", input=name,
                input_shape=told, model_shape=shape, fix=f"pass {len(shape)} sizes"))
        sizes = tuple(size if told is None else told
                      for size, told in zip(shape, told, strict=True))
        if None in sizes:
            raise ValueError(explain(
                "the sizes of the model's inputs must be known, but for the batch", input=name,
                input_shapes=list(own.values()),
                fix="pass input_shapes=, such as "
                    f"input_shapes={_example(own)!r}, or several in a list"))
        if any(not isinstance(size, int) or size < 1 for size in sizes):
            raise ValueError(explain("each size must be a whole number of at least 1", input=name,
                                     input_shape=sizes, fix="pass such sizes"))
        if any(fixed not in (None, size) for fixed, size in zip(shape, sizes, strict=True)):
            raise ValueError(explain(
                "a size must be the model's where the model has a fixed one", input=name,
                input_shape=sizes, model_shape=shape,
                fix="pass the model's size, or build the model with None in its place"))
        found[name] = sizes
    return found


def _example(own):
    """Shapes that would do, to show in a message."""
    shapes = {name: tuple(128 if size is None else size for size in shape)
              for name, shape in own.items()}
    return next(iter(shapes.values())) if len(shapes) == 1 else shapes


def _batches(given):
    given = given if isinstance(given, collections.abc.Iterable) else [given]
    found = list(given)
    for each in found or [0]:
        check_count(batch_size=each)
    return found


def _part(shape, shapes):
    """What sets a shape apart from the others, as parts of a name."""
    if len(shapes) == 1:
        return []
    differing = [name for name in shape if len({each[name] for each in shapes}) > 1]
    alike = all(len({each[name] for name in differing}) == 1 for each in shapes)
    texts = {name: "x".join(map(str, shape[name])) for name in differing}
    return ["shape", texts[differing[0]]] if alike else [
        "shape", *(part for name, text in texts.items() for part in (name, text))]
