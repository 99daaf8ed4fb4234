"""What a model reads of each input: ids, positions that may be padding, or a mask."""

import inspect
import typing

import keras

from keras_seqattn import borrowed
from keras_seqattn.edge.check.drawn import Reading

# What hands on its input as it is, in other shapes and types.
PASSES = {"Cast", "ConvertToTensor", "Dropout", "ExpandDims", "Identity", "Masking", "Reshape",
          "SpatialDropout1D", "Squeeze"}
COMPARES = {"Equal", "Greater", "NotEqual"}
BOUNDS = ("input_dim", "num_classes", "num_tokens")  # of Embedding, one_hot and CategoryEncoding
MASK = "mask"  # in the names of inputs and arguments


def readings(model: keras.Model) -> dict[str, Reading]:
    """Traces what a functional model does first with each input.

    Args:
        model: Built functional `keras.Model`, or any other, of which nothing is known.

    Returns:
        Dictionary by the name of the input.
    """
    inner = borrowed.functional(model) if isinstance(model, keras.Model) else None
    if inner is None:
        return {}
    found = {tensor.name: Reading(masks=MASK in tensor.name or _is_boolean(tensor))
             for tensor in inner.inputs}
    trace = _Trace(found)
    given = iter([trace.follow(keras.KerasTensor(tensor.shape, tensor.dtype), tensor.name)
                  for tensor in inner.inputs])
    with borrowed.symbolic_calls(trace.answer):
        inner(keras.tree.map_structure(lambda _: next(given), inner.input), training=False)
    return found


def _is_boolean(tensor):
    return keras.backend.standardize_dtype(tensor.dtype) == "bool"


class _Trace:
    """Notes who reads an input, directly or through what passes it on."""

    def __init__(self, found):
        self._found = found
        self._origins: dict[int, str] = {}
        self._kept: list[typing.Any] = []  # a tensor that is gone leaves its id to another

    def follow(self, tensor, name):
        """Takes a tensor for an input of that name."""
        self._origins[id(tensor)] = name
        self._kept.append(tensor)
        return tensor

    def answer(self, operation, args, kwargs):
        """What Keras' own symbolic call would give; nested models are opened."""
        if isinstance(operation, keras.Model) and borrowed.functional(operation) is not None:
            return operation.call(*args, **kwargs)
        made = operation.compute_output_spec(*args, **kwargs)
        names = {self._origins[id(each)] for each in keras.tree.flatten((args, kwargs))
                 if id(each) in self._origins}
        for name in names:
            self._note(self._found[name], operation)
        self._note_masks(operation, args, kwargs)
        self._note_comparison(operation, args)
        if len(names) == 1 and type(operation).__name__ in PASSES:
            self.follow(made, *names)
        return made

    def _note(self, reading, operation):
        layers = borrowed.all_layers(operation) if isinstance(
            operation, keras.Layer) else [operation]
        bounds = [getattr(each, name, None) for each in layers for name in BOUNDS]
        known = [each for each in (*bounds, reading.bound) if isinstance(each, int)]
        reading.bound = min(known, default=None)

    def _note_masks(self, operation, args, kwargs):
        named = inspect.signature(operation.call).bind(*args, **kwargs).arguments
        for argument, value in named.items():
            for each in keras.tree.flatten(value if MASK in argument else ()):
                if id(each) in self._origins:
                    self._found[self._origins[id(each)]].masks = True

    def _note_comparison(self, operation, args):
        """What is compared with a number: a mask, made by hand or by a layer's `compute_mask`."""
        if type(operation).__name__ in COMPARES and len(args) == 2:
            for one, other in (args, args[::-1]):
                if id(one) in self._origins and isinstance(other, (int, float)):
                    self._found[self._origins[id(one)]].padding = float(other)
