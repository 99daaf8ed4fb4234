"""Starting from trained weights: for other classes or sizes, with frozen parts or LoRA."""

import collections.abc
import fnmatch

import keras
import numpy as np

from keras_seqattn import borrowed, models
from keras_seqattn.errors import explain, nearest
from keras_seqattn.layers import LearnedPositionEmbedding, PositionalEncoding
from keras_seqattn.layers.grid import resize_grid

HEAD = "logits"
REPRESENTATION = "pre_logits"


def transfer(source: keras.Model, target: keras.Model) -> None:
    """Copies the weights of a trained model into a fresh one of the same architecture.

    The head stays fresh where the classes differ in number. Learned positions of another grid are
    resized as an image is (Dosovitskiy et al. 2021, section 3.2). Positions of tokens in front of
    the grid are kept.

    Args:
        source: Trained `keras.Model`.
        target: Fresh `keras.Model`; its weights change in place.

    Raises:
        ValueError: a layer of `target` is missing in `source`, or has other shapes there.
    """
    known = {layer.name: layer for layer in source.layers}
    for layer in target.layers:
        if not layer.weights:
            continue
        if layer.name not in known:
            raise ValueError(explain(
                "the model to start from must have the same layers", missing=layer.name,
                source_model=source.name, fix="change the recipe's model section"))
        stored = known[layer.name].get_weights()
        if [w.shape for w in stored] != [tuple(w.shape) for w in layer.weights]:
            if layer.name == HEAD:
                continue
            if not isinstance(layer, LearnedPositionEmbedding):
                raise ValueError(explain(
                    "the layers of the model to start from must have the same shapes",
                    layer=layer.name, shapes=[tuple(w.shape) for w in layer.weights],
                    stored=[w.shape for w in stored], fix="change the recipe's model section"))
            stored = [_resized(stored[0], layer, source, target)]
        layer.set_weights(stored)


def _resized(table: np.ndarray, layer: keras.Layer, source: keras.Model, target: keras.Model
             ) -> np.ndarray:
    old, new = (models.vit_geometry(model).grid for model in (source, target))
    num_prefix = len(table) - old[0] * old[1]
    if layer.weights[0].shape[0] != num_prefix + new[0] * new[1]:
        raise ValueError(explain(
            "the model to start from must have as many tokens in front of its patches",
            stored=num_prefix, wanted=layer.weights[0].shape[0] - new[0] * new[1],
            fix="change the recipe's model section"))
    return resize_grid(table, old, new, num_prefix, layer.interpolation)


def at_size(model: keras.Model, image_shape: tuple[int, int, int]) -> keras.Model:
    """Returns the same model for images of another size.

    Args:
        model: A Vision Transformer or a model of convolutions. The positions of the former are
            resized (`models.resize`), and the latter takes images of any size.
        image_shape: `(height, width, channels)`, in pixels.

    Returns:
        `keras.Model`, which is `model` itself where the size is its own.
    """
    if tuple(model.input_shape[1:]) == tuple(image_shape):
        return model
    if any(isinstance(layer, (LearnedPositionEmbedding, PositionalEncoding))
           for layer in model.layers):
        return models.resize(model, image_shape)
    images = keras.Input(image_shape, name=model.inputs[0].name)
    resized = keras.models.clone_model(model, input_tensors=images)
    resized.set_weights(model.get_weights())
    return resized


def without_head(model: keras.Model) -> keras.Model:
    """Returns the model up to its features, which its head or a `pre_logits` layer reads.

    Args:
        model: Functional `keras.Model`.

    Returns:
        `keras.Model` of the same layers, to features, `(B, D)`.

    Raises:
        ValueError: there is no layer `logits`, and the model does not return one row per image.
    """
    for name in (REPRESENTATION, HEAD):
        if any(layer.name == name for layer in model.layers):
            return keras.Model(model.input, model.get_layer(name).input, name=model.name)
    if len(model.outputs) != 1 or len(model.output.shape) != 2:
        raise ValueError(explain(
            f"the model must have a layer `{HEAD}`, or return features, one row for each image",
            model=model.name, outputs=[tuple(output.shape) for output in model.outputs],
            fix="name its last dense layer so, or pool its tokens"))
    return model


def with_head(model: keras.Model, num_classes: int) -> keras.Model:
    """Returns the model with a head for other classes, which starts at zero.

    Args:
        model: As for `without_head`.
        num_classes: Number of logits.

    Returns:
        `keras.Model` of the same layers.

    Paper: Dosovitskiy et al. 2021, section 3.2 and appendix B.1.1.
    """
    features = without_head(model)
    logits = keras.layers.Dense(
        num_classes, kernel_initializer="zeros", dtype="float32", name=HEAD)(features.output)
    return keras.Model(features.input, logits, name=model.name)


def freeze(model: keras.Model, patterns: collections.abc.Iterable[str]) -> None:
    """Keeps the layers whose names match from training.

    Args:
        model: `keras.Model`.
        patterns: Names or shell patterns, such as `"patches"` or `"block_[0-3]"`.

    Raises:
        ValueError: a pattern matches no layer.
    """
    names = [layer.name for layer in model.layers if layer.weights]
    for pattern in patterns:
        matching = fnmatch.filter(names, pattern)
        if not matching:
            raise ValueError(explain(
                "each name in `freeze` must match a layer with weights", freeze=pattern,
                fix=nearest(pattern, names)))
        for name in matching:
            model.get_layer(name).trainable = False


def enable_lora(model: keras.Model, rank: int) -> None:
    """Freezes the dense layers of all blocks and gives each a trainable product of low rank.

    Only the head and the products train. Saving adds the products to the kernels, so the saved
    model is an ordinary one.

    Paper: Hu et al. 2021, "LoRA".

    Args:
        model: `keras.Model`.
        rank: Rank of the products.

    Raises:
        ValueError: there is no dense layer but the head.
    """
    inside = [layer for layer in model.layers if layer.name != HEAD]
    parts = [part for layer in inside for part in borrowed.all_layers(layer)]
    if not any(map(_is_dense, parts)):
        raise ValueError(explain(
            "LoRA needs dense layers, and the model has none but its head", model=model.name,
            lora_rank=rank, fix="leave `lora_rank` out, and freeze layers by name if some are to "
            "stay as they are"))
    for part in parts:
        if _is_dense(part):
            part.enable_lora(rank)
            if part.bias is not None:  # Keras freezes the kernel alone
                part.bias.trainable = False
        elif not any(map(_is_dense, borrowed.all_layers(part))):
            part.trainable = False


def _is_dense(layer: keras.Layer) -> bool:
    return isinstance(layer, (keras.layers.Dense, keras.layers.EinsumDense))
