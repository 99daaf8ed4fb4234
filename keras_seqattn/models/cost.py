"""What a model costs to run: the multiply-adds of its matrix products."""

import contextlib
import math
from collections.abc import Sequence

import keras
import numpy as np

from keras_seqattn import borrowed
from keras_seqattn.errors import explain
from keras_seqattn.layers import LSTMCaptioner, MultiHeadAttention, ScaledDotProductAttention


def multiply_adds(model: keras.Model, input_shapes: Sequence[Sequence[int]] | None = None) -> int:
    """Counts the multiply-adds of one example, by running it once on zeros.

    These count:

    - dense layers, convolutions and recurrent layers;
    - both products of attention, masked or not.

    Norms, activations, sums, lookups and the resizing of positions do not count. A model that
    writes reads a source and a target of the same length at once, as in training.

    Args:
        model: Built `keras.Model`.
        input_shapes: Shapes of the inputs without the batch, in the model's order. By default
            they are the model's own. Where a length is open, a model that writes takes its
            `max_length`.

    Returns:
        Number of multiply-adds.

    Raises:
        ValueError: the size of an input is open.
        ValueError: a layer has a kernel and is not known here.

    >>> from keras_seqattn import models
    >>> multiply_adds(models.vit("nano", patch_size=8, image_shape=(64, 64, 3), num_classes=10))
    84740864
    """
    shapes = input_shapes or _own_shapes(model)
    if any(None in shape for shape in shapes):
        raise ValueError(explain(
            "the sizes of all inputs must be known", model=model.name, input_shapes=shapes,
            fix="pass input_shapes, such as [(224, 224, 3)]"))
    zeros = [np.zeros((1, *shape), tensor.dtype)
             for shape, tensor in zip(shapes, model.inputs, strict=True)]
    counts: list[int] = []
    counted: set[str] = set()
    with contextlib.ExitStack() as hooks:
        for layer, count in _counters(model):
            hooks.enter_context(_hooked(layer, count, counts, counted))
        made = borrowed.functional(model) or model
        model(keras.tree.pack_sequence_as(made.input, zeros), training=False)
    missed = [weight.path for weight in model.weights
              if weight.name.endswith("kernel") and weight.path not in counted]
    if missed:
        raise ValueError(explain(
            "each layer with a kernel must be one whose products are known", model=model.name,
            not_counted=missed, fix="extend keras_seqattn/models/cost.py"))
    return sum(counts)


def _own_shapes(model):
    """Shapes of a model's inputs. One that writes has its `max_length` where a length is open."""
    longest = getattr(model, "max_length", None)
    return [tuple(longest if size is None else size for size in tensor.shape[1:])
            for tensor in model.inputs]


@contextlib.contextmanager
def _hooked(layer, count, counts, counted):
    """Counts each call of a layer while the block runs."""
    call = layer.call

    def counting(*arguments, **keywords):
        outputs = call(*arguments, **keywords)
        shapes = [tuple(each.shape) for each in arguments if hasattr(each, "shape")]
        names = {name: tuple(each.shape) for name, each in keywords.items()
                 if name in ("value", "key", "tokens") and each is not None}
        first = outputs[0] if isinstance(outputs, (tuple, list)) else outputs
        counts.append(int(count(layer, tuple(first.shape), *shapes, **names)))
        counted.update(weight.path for weight in layer.weights)
        return outputs

    layer.call = counting
    try:
        yield
    finally:
        del layer.call


def _counters(layer):
    """Yields each layer that multiplies, with the function that counts what the layer does."""
    for kind, count in _COUNTS.items():
        if isinstance(layer, kind):
            yield layer, count
            return
    if _is_convolution(layer):
        yield layer, _convolution
        return
    seen: set[int] = set()
    for part in borrowed.inner_layers(layer):
        if id(part) not in seen:
            seen.add(id(part))
            yield from _counters(part)


def _is_convolution(layer):
    """Whether a layer slides one kernel, as transposed and separable convolutions do not."""
    kernel = getattr(layer, "kernel", None)
    return kernel is not None and len(kernel.shape) >= 3 and "Transpose" not in type(layer).__name__


def _dense(layer, output, inputs):
    return math.prod(inputs[:-1]) * math.prod(layer.kernel.shape)


def _einsum_dense(layer, output, inputs):
    left, end = layer.equation.split("->")
    summed = [size for letter, size in zip(left.split(",")[1], layer.kernel.shape, strict=True)
              if letter not in end]
    return math.prod(output) * math.prod(summed)


def _reversible(layer, output, inputs):
    """A lookup costs nothing. As an output the table is a dense layer."""
    reverse = len(output) == len(inputs)
    return math.prod(inputs) * layer.input_dim if reverse else 0


def _convolution(layer, output, inputs, *others):
    return math.prod(output[:-1]) * math.prod(layer.kernel.shape)


def _recurrent(layer, output, inputs, *states):
    return math.prod(inputs[:-1]) * _kernels(layer)


def _multi_head(layer, output, query, value=None, key=None):
    value = value or query
    key = key or value
    reading, asking = math.prod(value[:-1]), math.prod(query[:-1])
    dense = (asking * _kernels(layer.query_dense, layer.output_dense)
             + reading * _kernels(layer.key_dense, layer.value_dense))
    return dense + asking * value[-2] * layer.num_heads * (layer.key_dim + layer.value_dim)


def _attention(layer, output, query, value, key=None):
    (*_, asking, size), (*_, reading, value_size) = query, value
    return math.prod(query[:-2]) * asking * reading * (size + value_size)


def _captioner(layer, output, features, tokens):
    """Counts each part of a captioner as often as it runs.

    - The first states run once for a picture.
    - The keys run once for each place in it.
    - The LSTM, the query, the gate and the logits run once for each word.
    - Attention runs once for each word and place.
    """
    words, places = tokens[1], features[1]
    sizes: dict[str, int] = {}
    for weight in layer.weights:
        if weight.name.endswith("kernel"):
            name = weight.path.split("/")[-2]
            sizes[name] = sizes.get(name, 0) + math.prod(weight.shape)
    once = sum(sizes.pop(name, 0) for name in ("hidden", "cell", "image"))
    keys = sizes.pop("key", 0)
    attended = places * (layer.attention_dim + features[2]) if layer.attention else 0
    before = 0 if layer.attention else sizes["lstm"]  # the picture is read as a word
    return once + before + places * keys + words * (sum(sizes.values()) + attended)


def _kernels(*layers):
    return sum(math.prod(weight.shape) for layer in layers for weight in layer.weights
               if weight.name.endswith("kernel"))


_COUNTS = {
    LSTMCaptioner: _captioner,
    MultiHeadAttention: _multi_head,
    keras.layers.MultiHeadAttention: _multi_head,
    ScaledDotProductAttention: _attention,
    keras.layers.RNN: _recurrent,
    keras.layers.Dense: _dense,
    keras.layers.EinsumDense: _einsum_dense,
    keras.layers.ReversibleEmbedding: _reversible,
}
