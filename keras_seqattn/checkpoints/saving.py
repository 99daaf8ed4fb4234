"""Weights that go out: any model with its description, or a ViT as another project has it."""

import json

import keras
import numpy as np
from keras import ops

from keras_seqattn import files
from keras_seqattn.checkpoints.families.google import LAYOUT
from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.errors import explain, nearest

METADATA = "keras_seqattn"
FORMATS = ("safetensors", "npz-google")


def save(model, path, format="safetensors"):
    """Saves the weights of a model so that `load` restores it, bit for bit.

    Args:
        model: Any `keras.Model` of this library; for `"npz-google"` a ViT that this format can
            hold.
        path: File to write.
        format: `"safetensors"` holds the weights under their own paths and, as metadata, how the
            model is built; `"npz-google"` is that of google-research/vision_transformer.

    Raises:
        ValueError: `format` is not known, or cannot hold a part of the model.
        ImportError: safetensors is not installed.

    Example:

    >>> import tempfile
    >>> from keras_seqattn import checkpoints, models
    >>> vit = models.vit("nano", patch_size=8, image_shape=(16, 24, 3), num_classes=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoints.save(vit, f"{folder}/vit.safetensors")
    ...     checkpoints.load(f"{folder}/vit.safetensors").output_shape
    (None, 5)
    """
    if format not in FORMATS:
        raise ValueError(explain("`format` is not known", format=format,
                                 fix=nearest(format, FORMATS)))
    if format == "npz-google":
        arrays = google_arrays(model)
        with files.whole(path) as scratch, open(scratch, "wb") as file:
            np.savez(file, **arrays)
        return
    try:
        from safetensors.numpy import save_file
    except ImportError as error:
        raise ImportError(explain(
            "safetensors is needed to write this file", file=str(path),
            fix="pip install 'keras_seqattn[checkpoints]'")) from error
    keys = _keys(model)
    described = {"model": keras.saving.serialize_keras_object(model), "keys": keys}
    arrays = {key: np.array(ops.convert_to_numpy(weight.value), order="C")
              for key, weight in zip(keys, model.weights, strict=True)}
    with files.whole(path) as scratch:
        scratch.touch()
        usual = scratch.stat().st_mode
        save_file(arrays, scratch, metadata={METADATA: json.dumps(described)})
        scratch.chmod(usual)  # safetensors lets only the owner read


def load_saved(state):
    """Restores a model that `save` wrote as safetensors.

    Args:
        state: `State` of the file.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: the description is damaged or does not fit the arrays.
    """
    try:
        described = json.loads(state.metadata[METADATA])
        keys = described["keys"]
        model = keras.saving.deserialize_keras_object(described["model"], safe_mode=True)
        weights = model.weights
    except Exception as error:  # Keras raises whatever a description of another shape leads to.
        raise ValueError(explain(
            "the description of the model must be one that checkpoints.save wrote",
            error=" ".join(str(error).split())[:200], fix="save the model again")) from error
    if len(keys) != len(weights):
        raise ValueError(explain(
            "the file must have an array for each weight of its model", weights=len(weights),
            keys=len(keys), fix="save the model again"))
    for key, weight in zip(keys, weights, strict=True):
        hand_over(weight, state.take(key, *weight.shape, layer=weight.path, dtype=None))
    state.finish()
    return model


def google_arrays(model):
    """The arrays that a ViT has in google-research/vision_transformer.

    Args:
        model: As `models.vit` builds it.

    Returns:
        Dictionary from keys to NumPy float32.

    Raises:
        ValueError: the format cannot hold a part of the model.
    """
    problem = _not_googles(model)
    if problem is not None:
        raise ValueError(explain(
            "`npz-google` must be able to hold every part of the model", model=model.name,
            part=problem, fix="save it as safetensors"))
    arrays = {}
    for link in LAYOUT.links(model):
        arrays |= link.read()
    return arrays


def _not_googles(model):
    """Names the first part that the format cannot hold, `None` without one."""
    layers = {layer.name: layer for layer in model.layers}
    kinds = {
        "patches": "PatchEmbedding", "positions": "LearnedPositionEmbedding",
        "class_token": "ClassToken", "norm": "LayerNormalization", "pre_logits": "Dense",
        "logits": "Dense", "dropout": "Dropout", "images": "InputLayer", "first": "FirstTokens"}
    for name, layer in layers.items():
        kind = "TransformerEncoderBlock" if name.startswith("block_") else kinds.get(name)
        pools = name == "pool" and type(layer).__name__ in ("Flatten", "GlobalAveragePooling1D")
        if not pools and type(layer).__name__ != kind:
            return f"{name} ({type(layer).__name__})"
    missing = {"patches", "positions", "block_0", "norm", "pool"} - set(layers)
    if missing:
        return f"no {min(missing)}"
    order, has_token = list(layers), "class_token" in layers
    blocks = [layer for name, layer in layers.items() if name.startswith("block_")]
    refused = {
        "norm behind the pooling": order.index("norm") > order.index("pool"),
        "positions of the patches only":
            layers["positions"].num_prefix != int(has_token),
        "a class token that is not pooled": has_token != ("first" in layers),
        "more than one class token": has_token and layers["class_token"].num_tokens > 1,
        "fixed positions": not layers["positions"].trainable,
        "another epsilon than 1e-6": any(
            each.epsilon != 1e-6 for each in (layers["norm"], *blocks)),
        "LayerScale": any(block.layer_scale is not None for block in blocks),
        "attention without biases": any(
            not block.use_bias or block.use_qkv_bias is False for block in blocks),
        "another activation than tanh GELU": any(
            getattr(block.activation, "__name__", "") != "gelu_tanh" for block in blocks),
        "the norm after each part": any(block.norm != "pre" for block in blocks),
        "fewer key heads than query heads": any(
            block.num_kv_heads not in (None, block.num_heads) for block in blocks)}
    return next((part for part, is_there in refused.items() if is_there), None)


def _keys(model):
    """A key for each weight: its path, numbered where several have the same."""
    keys = []
    for number, weight in enumerate(model.weights):
        keys.append(weight.path if weight.path not in keys else f"{weight.path}:{number}")
    return keys
