"""What stands behind the blocks of a Vision Transformer: pooling and the classifier."""

import typing

import keras

from keras_seqattn.layers import AttentionPooling, FirstTokens
from keras_seqattn.shapes import Tensor

POOLINGS = ("token", "mean", "token_mean", "map", "none")


def pool(x: Tensor, pooling: str, num_class_tokens: int, num_registers: int, distillation: bool,
         dtype: typing.Any, **attention: typing.Any) -> tuple[Tensor, Tensor | None]:
    """Pools the tokens of each image.

    Args:
        x: Tokens, `(B, T, D)`.
        pooling: One of `POOLINGS`.
        num_class_tokens: Number of class tokens, which come first.
        num_registers: Number of tokens between them and the patches.
        distillation: Whether the second class token is one of distillation.
        dtype: Dtype policy of the layers.
        **attention: Arguments of `AttentionPooling`.

    Returns:
        What the head reads, and the distillation token, `(B, 1, D)` or `None`.
    """
    num_prefix = num_class_tokens + num_registers
    if pooling == "token":
        return _class_tokens(x, num_class_tokens, distillation, dtype)
    if pooling == "mean":
        x = _mean(_patches(x, num_prefix, dtype), "pool", dtype)
    elif pooling == "token_mean":
        token, _ = _class_tokens(x, 1, False, dtype, name="token")
        mean = _mean(_patches(x, num_prefix, dtype), "mean", dtype)
        x = keras.layers.Concatenate(name="pool", dtype=dtype)([token, mean])
    elif pooling == "map":
        x = AttentionPooling(name="pool", dtype=dtype, **attention)(
            _patches(x, num_prefix, dtype))
    return x, None


def _class_tokens(x, num_class_tokens, distillation, dtype, name="pool"):
    """Returns the class token, `(B, D)`, and the distillation token, `(B, 1, D)` or `None`."""
    x, second = FirstTokens(num_class_tokens, name="first", dtype=dtype)(x), None
    if distillation:
        second = keras.layers.Cropping1D((1, 0), name="second", dtype=dtype)(x)
        x = FirstTokens(name="class", dtype=dtype)(x)
    return keras.layers.Flatten("channels_last", name=name, dtype=dtype)(x), second


def _patches(x, num_prefix, dtype):
    if not num_prefix:
        return x
    return keras.layers.Cropping1D((num_prefix, 0), name="without_prefix", dtype=dtype)(x)


def _mean(x, name, dtype):
    return keras.layers.GlobalAveragePooling1D("channels_last", name=name, dtype=dtype)(x)


def classify(x: Tensor, second: Tensor | None, num_classes: int, representation_dim: int | None,
             use_bias: bool, dtype: typing.Any) -> Tensor:
    """Turns features into logits, those of two heads into their mean.

    Args:
        x: Features, `(B, D)`.
        second: Distillation token, `(B, 1, D)`, or `None`.
        num_classes: Number of logits. With 0 the features are returned.
        representation_dim: Width of a dense layer with tanh before the head, or `None`.
        use_bias: Whether the head has biases.
        dtype: Dtype policy of the layers.

    Returns:
        Logits, `(B, num_classes)`.
    """
    if representation_dim is not None:
        x = keras.layers.Dense(
            representation_dim, activation="tanh", name="pre_logits", dtype=dtype)(x)
    if not num_classes:
        return x
    x = _head("logits", num_classes, use_bias)(x)
    if second is None:
        return x
    second = keras.layers.Flatten("channels_last", name="distillation_pool", dtype=dtype)(second)
    return keras.layers.Average(name="mean_logits", dtype="float32")(
        [x, _head("distillation_logits", num_classes, use_bias)(second)])


def _head(name, num_classes, use_bias):
    return keras.layers.Dense(
        num_classes, kernel_initializer="zeros", dtype="float32", use_bias=use_bias, name=name)
