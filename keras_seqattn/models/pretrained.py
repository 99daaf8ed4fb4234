"""Trained models by name, run folder or file."""

import pathlib

import keras

from keras_seqattn.errors import explain, nearest

# One folder per trained model that comes with the project; a run folder has the same files.
FOLDER = pathlib.Path(__file__).parents[2] / "models"


def load(model):
    """Loads a trained model.

    Args:
        model: Name of a model that comes with the project, a run folder, or a `.keras` file.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: there is no such model, or its file cannot be read.
    """
    file = _file(model)
    try:
        return keras.saving.load_model(file, compile=False)
    except Exception as error:  # Keras raises whatever its ZIP, JSON and HDF5 readers raise.
        raise ValueError(explain(
            "`model` must be a .keras file that Keras can read", model=str(model),
            error=" ".join(str(error).split())[:200], fix="save it again")) from error


def labels(model):
    """Names of the classes that a trained model tells apart.

    Args:
        model: As for `load`.

    Returns:
        List of names, or `None` if no `labels.txt` lies beside the model.
    """
    path = _file(model).with_name("labels.txt")
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else None


def _file(model):
    shipped = {file.parent.name: file for file in FOLDER.glob("*/model.keras")}
    path = pathlib.Path(model)
    for candidate in (shipped.get(str(model)), path / "model.keras", path):
        if candidate is not None and candidate.is_file():
            return candidate
    raise ValueError(explain(
        "`model` must be a known name, a run folder or a .keras file", model=str(model),
        fix=nearest(model, shipped) if shipped else "pass the folder of a finished run"))
