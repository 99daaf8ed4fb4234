"""This library's own files: the weights of any model, and how the model is built.

A file is `.safetensors`. The weights lie under their own paths. The metadata holds, as JSON, the
model as Keras serialises it, the keys in the order of the weights and the names of the classes.
"""

import json
import pathlib

import keras
import numpy as np
from keras import ops

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.config import class_names
from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.errors import explain

METADATA = "keras_seqattn"


def load(state: State) -> keras.Model:
    """Restores a model that `save` wrote.

    Args:
        state: `State` of the file.

    Returns:
        The model, with the same weights bit for bit. It has the attribute `labels` if the one
        that was saved had it.

    Raises:
        ValueError: the description is damaged, or it does not fit the arrays.
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
    labels = class_names(described)
    if labels is not None:
        model.labels = labels
    return model


def save(model: keras.Model, path: pathlib.Path) -> None:
    """Writes a model.

    Args:
        model: Any model that Keras can serialise. Its attribute `labels` goes along, if there is
            one: the names of the classes.
        path: File to write.

    Raises:
        ImportError: safetensors is not installed.
    """
    try:
        from safetensors.numpy import save_file
    except ImportError as error:
        raise ImportError(explain(
            "safetensors is needed to write this file", file=str(path),
            fix="pip install 'keras_seqattn[checkpoints]'")) from error
    keys = _keys(model)
    described = {"model": keras.saving.serialize_keras_object(model), "keys": keys,
                 "label_names": list(getattr(model, "labels", []))}
    arrays = {key: np.array(ops.convert_to_numpy(weight.value), order="C")
              for key, weight in zip(keys, model.weights, strict=True)}
    path.touch()
    usual = path.stat().st_mode
    save_file(arrays, path, metadata={METADATA: json.dumps(described)})
    path.chmod(usual)  # safetensors lets only the owner read


def _keys(model: keras.Model) -> list[str]:
    """A key for each weight: its path, numbered where several have the same."""
    keys: list[str] = []
    for number, weight in enumerate(model.weights):
        keys.append(weight.path if weight.path not in keys else f"{weight.path}:{number}")
    return keys


FAMILY = Family("keras_seqattn", load, metadata=METADATA, configs=(),
                formats={"safetensors": save})
