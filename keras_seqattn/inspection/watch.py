"""What happens in a model's layers during one pass, seen without changing the model."""

import contextlib
import functools
import inspect

from keras_seqattn.errors import explain
from keras_seqattn.layers import TransformerEncoderBlock


@contextlib.contextmanager
def watched(layers, around):
    """Puts a function around the calls of layers, until the block ends.

    It works wherever the layers lie: in nested models, in layers and models of your own, and
    within what is compiled.

    Args:
        layers: Layers of a model.
        around: Function of a layer, its own `call` and the arguments of the call, in place of it.
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


def layers_in(model, kinds):
    """All layers of some kinds in a model, also those within other layers, each once.

    Args:
        model: A model or a layer.
        kinds: A class or a tuple of classes.

    Returns:
        List of layers. Those that a layer holds stand in the order in which it made them.
    """
    found, seen = [], set()

    def look(layer):
        if id(layer) in seen:
            return
        seen.add(id(layer))
        if isinstance(layer, kinds):
            found.append(layer)
        for inner in layer._layers:
            look(inner)

    look(model)
    return found


def encoder_blocks(model):
    """All `TransformerEncoderBlock`s of a model; refuses one without."""
    blocks = layers_in(model, TransformerEncoderBlock)
    if not blocks:
        raise ValueError(explain(
            "the model must have a TransformerEncoderBlock", model=model.name,
            fix="pass a model of such blocks, or name the layers whose scores are wanted"))
    return blocks


def call_with_scores(model, inputs, layers=None):
    """Calls a model and keeps the scores of its attention, each computed once.

    Args:
        model: `keras.Model`.
        inputs: What the model takes, `(B, …)`.
        layers: Layers whose call takes `return_attention_scores`, anywhere in the model: blocks,
            `MultiHeadAttention` (Keras' as well), `AttentionPooling`. Defaults to all
            `TransformerEncoderBlock`s.

    Returns:
        What the model returns, and a list of the scores, `(B, N, T, S)` each, in the order in which
        the layers ran. All are tensors of the backend, so that the function can be compiled, as by
        `tf.function` or `jax.jit`.

    Raises:
        ValueError: the model has no such block.

    Example:

    >>> import numpy as np
    >>> from keras_seqattn import models
    >>> model = models.vit("nano", patch_size=8, image_shape=(16, 24, 3), num_classes=5)
    >>> logits, scores = call_with_scores(model, np.zeros((2, 16, 24, 3), "float32"))
    >>> len(scores), tuple(scores[0].shape)
    (6, (2, 4, 7, 7))

    Cost: that of calling the model, and the room for the scores; attention that runs in a fused
    kernel otherwise (JAX, PyTorch) runs without.
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
