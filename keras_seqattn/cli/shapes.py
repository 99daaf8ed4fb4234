"""Shapes of examples, as the command line names them."""

import typing
from typing import Annotated

import typer

from keras_seqattn.errors import explain

if typing.TYPE_CHECKING:
    import keras

OPTION = "--input-shape"
Shape: typing.TypeAlias = "tuple[int, ...] | dict[str, tuple[int, ...]]"


def parse(texts: list[str] | None) -> list[Shape] | None:
    """What `edge.export` takes: a list of shapes, or of dictionaries of them by name of the input.

    >>> parse(["128", "160x160x3", "ids=128,mask=128"])
    [(128,), (160, 160, 3), {'ids': (128,), 'mask': (128,)}]
    """
    return None if not texts else [_shape(each) if "=" not in each else {
        name: _shape(shape) for name, _, shape in (
            part.rpartition("=") for part in each.split(","))} for each in texts]


def _shape(text: str) -> tuple[int, ...]:
    sizes = text.strip().split("x")
    if not all(size.isdecimal() and int(size) for size in sizes):
        raise ValueError(explain(f"{OPTION} must be sizes with an x between them",
                                 input_shape=text, fix="pass one such as 128 or 160x160x3"))
    return tuple(map(int, sizes))


def are_known(model: "keras.Model") -> bool:
    """Whether a model tells all sizes of its inputs but the batch."""
    return None not in [size for each in model.inputs for size in each.shape[1:]]


def check_known(model: "keras.Model", given: object) -> None:
    """Refuses a model of unknown sizes without a shape."""
    if not given and not are_known(model):
        raise ValueError(explain(
            "the sizes of the model's inputs must be known, but for the batch",
            input_shapes=[tuple(each.shape) for each in model.inputs],
            fix=f"pass {OPTION}, such as {OPTION} {example(model)}"))


def example(model: "keras.Model") -> str:
    """A shape that fits a model's first input, as the command line names it."""
    return "x".join(str(size or 128) for size in model.inputs[0].shape[1:])


InputShape = Annotated[list[str] | None, typer.Option(
    OPTION, callback=lambda texts: texts and parse(texts) and texts,
    help="Shape of one example, for a model of unknown input sizes: 128, 160x160x3, or "
         "NAME=SHAPE,NAME=SHAPE for several inputs. Several times for a .tflite file "
         "of several signatures.")]
