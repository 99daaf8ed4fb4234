"""Trained models by name, run folder, file or URL."""

import json
import os
import pathlib

import keras

from keras_seqattn.data.tokenizer import Tokenizer
from keras_seqattn.errors import explain, nearest
from keras_seqattn.models.download import cache, cached, check, digest, fetch, is_url

# One folder per trained model that comes with the project. A run folder has the same files.
FOLDER = pathlib.Path(__file__).parents[2] / "models"
# Sizes and hashes of the files in FOLDER, for a wheel, which comes without that folder.
LISTING = pathlib.Path(__file__).with_name("shipped.json")
WEIGHTS, LABELS, TOKENIZER = "model.keras", "labels.txt", "tokenizer.json"


def load(model: os.PathLike | str, sha256: str | None = None) -> keras.Model:
    """Loads a trained model.

    A model that comes with the project is read from the checkout. Where the package was installed
    without a checkout, the model's files are downloaded once and checked against the hashes in the
    package. Two environment variables say from where and to where:

    - `KERAS_SEQATTN_MODELS` is the URL of a mirror to download from.
    - `KERAS_SEQATTN_CACHE` is the folder that keeps the files. Without it they are kept in
      `keras_seqattn` in the user's cache folder.

    Args:
        model: Name of a model that comes with the project, a `.keras` file or the `http(s)` URL of
            one. Or a run folder, of which `best.keras` is read, else `model.keras`.
        sha256: Expected hash of the file, 64 hexadecimal digits. Pass it with every URL. A file
            without it is downloaded anew each time and only as trustworthy as its server.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: there is no such model.
        ValueError: the file has another hash.
        ValueError: the file cannot be read.
        ConnectionError: the download was cut. The next call goes on where it ended.
    """
    file = locate(model, sha256)
    if sha256 is not None:
        check(file, sha256, model)
    try:
        return keras.saving.load_model(file, compile=False)
    except Exception as error:  # Keras raises whatever its ZIP, JSON and HDF5 readers raise.
        raise ValueError(explain(
            "`model` must be a .keras file that Keras can read", model=str(model),
            error=" ".join(str(error).split())[:200], fix="save it again")) from error


def labels(model: os.PathLike | str) -> list[str] | None:
    """Returns the names of the classes that a trained model tells apart.

    Args:
        model: As for `load`. Beside a file `NAME.keras` the names are read from
            `NAME.labels.txt`, or from `labels.txt` if there is none.

    Returns:
        List of names, or `None` if neither file is there. A URL names one file, so it has none.

    Raises:
        ValueError: there is no such model.
        ConnectionError: the download was cut.
    """
    text = _beside(model, LABELS)
    return None if text is None else text.splitlines()


def tokenizer(model: os.PathLike | str) -> Tokenizer | None:
    """Returns the tokeniser that a trained model reads and writes with.

    Args:
        model: As for `load`. Beside a file `NAME.keras` the tokeniser is read from
            `NAME.tokenizer.json`, or from `tokenizer.json` if there is none.

    Returns:
        `data.tokenizer.Tokenizer`, or `None` if neither file is there. A URL names one file, so
        it has none.

    Raises:
        ValueError: there is no such model.
        ValueError: the file is no tokeniser.
        ConnectionError: the download was cut.
    """
    text = _beside(model, TOKENIZER)
    return None if text is None else Tokenizer.from_json(text)


def list_shipped(folder: os.PathLike | str) -> dict[str, dict[str, dict]]:
    """Lists the trained models in a folder, as `shipped.json` holds them under `models`.

    Args:
        folder: Folder with one folder per model.

    Returns:
        Dictionary from the name of a model to its files, each with its `bytes` and `sha256`.
    """
    return {
        model.parent.name: {
            file.name: {"bytes": file.stat().st_size, "sha256": digest(file)}
            for file in map(model.with_name, (WEIGHTS, LABELS, TOKENIZER)) if file.is_file()}
        for model in sorted(pathlib.Path(folder).glob(f"*/{WEIGHTS}"))}


def _beside(model, name):
    """Returns the text of a file beside a model, or `None` without one."""
    if is_url(model):
        return None
    file = locate(model)
    for path in (file.with_suffix(f".{name}"), file.with_name(name)):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    return None


def locate(model: os.PathLike | str, sha256: str | None = None) -> pathlib.Path:
    """Finds the file of a trained model and downloads it if it has to.

    Args:
        model: As for `load`.
        sha256: As for `load`.

    Returns:
        Path of the `.keras` file.

    Raises:
        ValueError: there is no such model.
        ConnectionError: the download was cut.
    """
    local = {file.parent.name: file for file in FOLDER.glob(f"*/{WEIGHTS}")}
    listing = json.loads(LISTING.read_text(encoding="utf-8"))
    name = model if isinstance(model, str) else ""  # a path is neither a URL nor a name
    if is_url(name):
        return cached(name, sha256)
    if name not in local and name in listing["models"]:
        return _shipped(name, listing)
    path = pathlib.Path(model)
    for candidate in (local.get(name), path / "best.keras", path / WEIGHTS, path):
        if candidate is not None and candidate.is_file():
            return candidate
    names = {**local, **listing["models"]}
    raise ValueError(explain(
        "`model` must be a known name, a run folder, a .keras file or the URL of one",
        model=str(model),
        fix=nearest(model, names) if names else "pass the folder of a finished run"))


def _shipped(name, listing):
    base = os.environ.get("KERAS_SEQATTN_MODELS") or listing["base"]
    for file, expected in listing["models"][name].items():
        fetch(f"{base.rstrip('/')}/{name}/{file}", cache() / name / file, expected["sha256"])
    return cache() / name / WEIGHTS
