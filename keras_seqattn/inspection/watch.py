"""What happens in a model's layers during one pass, seen without changing the model."""

import contextlib
import functools
import inspect
import typing
from collections.abc import Callable, Collection, Iterator

import keras

from keras_seqattn import borrowed
from keras_seqattn.errors import explain
from keras_seqattn.layers import TransformerEncoderBlock
from keras_seqattn.shapes import Tensor


@contextlib.contextmanager
def watched(layers: Collection[keras.Layer],
            around: Callable[..., typing.Any]) -> Iterator[None]:
    """Puts a function around the calls of layers, until the block ends.

    The layers may lie anywhere: in nested models or in layers and models of your own. What is
    compiled within the block is watched too.

    Args:
        layers: Layers of a model.
        around: Function that takes the place of a layer's `call`. It is given the layer, the
            layer's own `call`, and the arguments of the call.
    """
    before = [(layer, vars(layer).get("call")) for layer in layers]
    try:
        for layer in layers:
            vars(layer)["call"] = functools.partial(around, layer, layer.call)
        yield
    finally:
        for layer, call in before:
            if call is None:
                vars(layer).pop("call", None)
            else:
                vars(layer)["call"] = call


def layers_in(model: keras.Layer, kinds: type | tuple[type, ...]) -> list[keras.Layer]:
    """All layers of some kinds in a model, also those within other layers, each once.

    Args:
        model: A model or a layer.
        kinds: A class or a tuple of classes.

    Returns:
        The layers. Those that a layer holds stand in the order in which that layer made them.
    """
    found, seen = [], set()

    def look(layer: keras.Layer) -> None:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        if isinstance(layer, kinds):
            found.append(layer)
        for inner in borrowed.inner_layers(layer):
            look(inner)

    look(model)
    return found


def encoder_blocks(model: keras.Model) -> list[TransformerEncoderBlock]:
    """All `TransformerEncoderBlock`s of a model; a model without any is refused."""
    blocks = layers_in(model, TransformerEncoderBlock)
    if not blocks:
        raise ValueError(explain(
            "the model must have a TransformerEncoderBlock", model=model.name,
            fix="pass a model of such blocks, or name the layers whose scores are wanted"))
    return blocks


def call_with_scores(model: keras.Model, inputs: Tensor,
                     layers: Collection[keras.Layer] | None = None
                     ) -> tuple[typing.Any, list[Tensor]]:
    """Calls a model and keeps the scores of its attention, each computed once.

    Args:
        model: The layers may lie anywhere in it.
        inputs: What the model takes, `(B, …)`.
        layers: Layers whose call takes `return_attention_scores`. These are blocks, every
            `MultiHeadAttention` (that of Keras too) and `AttentionPooling`. Defaults to all
            `TransformerEncoderBlock`s.

    Returns:
        What the model returns, and a list of the scores, `(B, N, T, S)` each. The list is in the
        order in which the layers ran. All are tensors of the backend. So the function can be
        compiled, as by `tf.function` or `jax.jit`.

    Raises:
        ValueError: `layers` is unset, and the model has no `TransformerEncoderBlock`.

    Example:

    >>> import numpy as np
    >>> from keras_seqattn import models
    >>> model = models.vit("nano", patch_size=8, image_shape=(16, 24, 3), num_classes=5)
    >>> logits, scores = call_with_scores(model, np.zeros((2, 16, 24, 3), "float32"))
    >>> len(scores), tuple(scores[0].shape)
    (6, (2, 4, 7, 7))

    Cost: that of calling the model, and the room for the scores. On JAX and PyTorch attention runs
    without the fused kernel that it takes otherwise.
    """
    found = []

    def around(layer, call, *arguments, **keywords):
        bound = inspect.signature(call).bind(*arguments, **keywords)
        asked = bound.arguments.get("return_attention_scores", False)
        bound.arguments["return_attention_scores"] = True
        output, scores = call(*bound.args, **bound.kwargs)
        found.append(scores)
        return (output, scores) if asked else output

    with watched(encoder_blocks(model) if layers is None else layers, around):
        output = model(inputs, training=False)
    return output, found
