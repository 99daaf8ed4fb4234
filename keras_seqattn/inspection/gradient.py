"""Gradients by the scores of attention, on every backend."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from keras_seqattn.errors import explain
from keras_seqattn.inspection.attention import as_array, attending
from keras_seqattn.inspection.watch import watched
from keras_seqattn.shapes import Tensor


def gradient(function: Callable[[list[Tensor]], Tensor], inputs: list[Tensor]) -> list[Tensor]:
    """Gradient of a function by each of its inputs.

    Args:
        function: Function from a list of tensors to a tensor of rank 0.
        inputs: List of float tensors.

    Returns:
        One tensor for each input, of the shape of the input.

    Example:

    >>> x = keras.ops.array([2.0, 3.0])
    >>> [keras.ops.convert_to_numpy(g).tolist() for g in gradient(lambda i: sum(i[0] ** 2), [x])]
    [[4.0, 6.0]]
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = function(inputs)
        return tape.gradient(
            output, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    if backend == "jax":
        import jax

        return jax.grad(function)(inputs)
    import torch

    inputs = [each.detach().requires_grad_() for each in inputs]
    return torch.autograd.grad(function(inputs), inputs, allow_unused=True, materialize_grads=True)


def score_gradients(model: keras.Model, images: Tensor, classes: Sequence[int] | None = None
                    ) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores of a Vision Transformer, and the gradients of a class' logit by these scores.

    The output of attention is linear in the scores. The gradient by a score is therefore the
    gradient by the output, taken back through the last projection, times the value that the score
    weighs.

    Args:
        model: Vision Transformer that classifies.
        images: Float, `(B, height, width, channels)`, as the model takes them.
        classes: One class per image, `(B,)`. Defaults to those with the highest logits.

    Returns:
        Pairs of scores and gradients. Each block has one, `(B, N, T, T)`. Attention pooling has the
        last, `(B, N, 1, T)`, where the model has such a layer.

    Raises:
        ValueError: the model returns no logits, or a class is unknown.
    """
    scores, back, made = [], [], []

    def keep(layer, call, query, value, *arguments, **keywords):
        keywords["return_attention_scores"] = True
        output, read = call(query, value, *arguments, **keywords)
        scores.append(as_array(read))
        back.append((as_array(layer.output_dense.kernel),                      # (N, H, D)
                     as_array(layer.keys_and_values(value)[1])))               # (B, K, T, H)
        made.append(ops.zeros_like(output))
        return output

    layers = [layer.attention for layer in attending(model)]
    with watched(layers, keep):
        logits = as_array(model(images, training=False))
    chosen = _one_hot(model, logits, classes)

    def logit(shifts: list[Tensor]) -> Tensor:
        left = iter(shifts)
        with watched(layers, lambda layer, call, *arguments, **keywords: call(
                *arguments, **keywords) + next(left)):
            return ops.sum(ops.multiply(model(images, training=False), chosen))

    return [(each, _by_scores(as_array(slope), *way)) for each, slope, way in zip(
        scores, gradient(logit, made), back, strict=True)]


def _by_scores(slope: np.ndarray, kernel: np.ndarray, value: np.ndarray) -> np.ndarray:
    """From the gradient by the output of attention, `(B, T, D)`, to the gradient by its scores."""
    value = np.repeat(value, len(kernel) // value.shape[1], axis=1)            # (B, N, T, H)
    return np.einsum("btd,nhd->bnth", slope, kernel) @ value.swapaxes(2, 3)


def _one_hot(model: keras.Model, logits: np.ndarray, classes: Sequence[int] | None) -> np.ndarray:
    """A 1 for each image at the place of its class: `(B, num_classes)`."""
    if logits.ndim != 2:
        raise ValueError(explain(
            "the model must return logits, one per class", model=model.name,
            output_shape=logits.shape, fix="pass a model with a head"))
    chosen = logits.argmax(axis=-1) if classes is None else np.asarray(classes)
    if chosen.shape != logits.shape[:1] or not np.isin(
            chosen, np.arange(logits.shape[1])).all():
        raise ValueError(explain(
            "`classes` must name one class of the model for each image", classes=chosen.tolist(),
            images=logits.shape[0], num_classes=logits.shape[1],
            fix="pass one integer from 0 to num_classes - 1 per image"))
    return np.eye(logits.shape[1], dtype="float32")[chosen]
