"""The precision that a model leaves in, before any quantisation."""

import collections.abc
import contextlib
import typing

from keras_seqattn.edge import structures

if typing.TYPE_CHECKING:
    import keras

FLOATS = ("float16", "bfloat16", "float64")
# What rounding to such a dtype may make of an output, as a share of its root mean square.
ROUNDING = {"float16": 5e-3, "bfloat16": 4e-2}  # 11 and 8 bits of mantissa
SHOWN = 5   # names in a note


def leaving(dtype: str) -> str:
    """Returns the dtype that a value of a model has in its file.

    >>> leaving("bfloat16"), leaving("int32")
    ('float32', 'int32')
    """
    return "float32" if dtype in FLOATS else dtype


def notes(model: "keras.Model") -> list[str]:
    """Says which inputs, layers and outputs of a model have another precision than in its file.

    Args:
        model: Built `keras.Model`.

    Returns:
        A sentence for each dtype that the file does not have.
    """
    from keras_seqattn import borrowed

    inner = borrowed.functional(model)
    outputs = {} if inner is None else structures.outputs_by_name(model, inner.output)
    kinds = [*((f"input {each.name}", each.dtype) for each in model.inputs),
             *((f"layer {each.name}", each.compute_dtype) for each in borrowed.all_layers(model)
               if each.count_params() or not borrowed.inner_layers(each))]
    named = {dtype: [name for name, each in kinds if each == dtype]
             or [f"output {name}" for name, each in outputs.items() if each.dtype == dtype]
             for dtype in FLOATS}
    return [f"float32 in the file, {dtype} in the model: {', '.join(each[:SHOWN])}"
            + (f" and {len(each) - SHOWN} more" if len(each) > SHOWN else "")
            for dtype, each in named.items() if each]


@contextlib.contextmanager
def in_float32(model: "keras.Model") -> collections.abc.Iterator[None]:
    """Lets all layers of a model compute in float32, as its file will, for the time of the context.

    Weights stay as they are: those of mixed precision are float32 already.

    Args:
        model: Built `keras.Model`.
    """
    from keras_seqattn import borrowed

    before = [(layer, layer.dtype_policy) for layer in borrowed.all_layers(model)
              if layer.compute_dtype in FLOATS]
    if before:
        _forget_compiled(model)
    try:
        for layer, _ in before:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in before:
            layer.dtype_policy = policy
        if before:
            _forget_compiled(model)


def _forget_compiled(model):
    """Lets a model compile anew what it compiled for another precision."""
    model.predict_function = None
    if hasattr(model, "forget_writers"):
        model.forget_writers()
