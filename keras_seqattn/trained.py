"""Where trained models lie: by name, as run folders, as files. Nothing here loads Keras."""

import json
import os
import pathlib

from keras_seqattn.download import cache, cached, digest, fetch, is_url
from keras_seqattn.errors import explain, nearest
from keras_seqattn.files import existing, is_path

# One folder per trained model that comes with the project. A run folder has the same files.
FOLDER = pathlib.Path(__file__).parents[1] / "models"
# Sizes and hashes of the files in FOLDER, for a wheel, which comes without that folder.
LISTING = pathlib.Path(__file__).parent / "models" / "shipped.json"
BEST, WEIGHTS = "best.keras", "model.keras"
LABELS, TOKENIZER = "labels.txt", "tokenizer.json"


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


def beside(model: os.PathLike | str, name: str) -> pathlib.Path | None:
    """Finds a file beside a model.

    Args:
        model: As for `models.load`.
        name: Name of the file, such as `LABELS`. Beside a model `NAME.keras` the file
            `NAME.labels.txt` comes first.

    Returns:
        Path of the file, or `None` without one. A URL names one file, so it has none.

    Raises:
        ValueError: there is no such model.
        ConnectionError: the download was cut.
    """
    if is_url(model):
        return None
    file = locate(model)
    paths = file.with_suffix(f".{name}"), file.with_name(name)
    return next(filter(pathlib.Path.is_file, paths), None)


def locate(model: os.PathLike | str, sha256: str | None = None) -> pathlib.Path:
    """Finds the file of a trained model and downloads it if it has to.

    Args:
        model: As for `models.load`.
        sha256: As for `models.load`.

    Returns:
        Path of the `.keras` file.

    Raises:
        ValueError: there is no such model.
        ConnectionError: the download was cut.
    """
    names = shipped()
    name = model if isinstance(model, str) else ""  # a path is neither a URL nor a name
    if is_url(name):
        return cached(name, sha256)
    if name in names:
        local = FOLDER / name / WEIGHTS
        return local if local.is_file() else _downloaded(name, names[name])
    path = pathlib.Path(model)
    for candidate in (path / BEST, path / WEIGHTS, path):
        if candidate.is_file():
            return candidate
    if isinstance(model, str) and not path.exists() and not is_path(model):
        raise ValueError(explain(
            "`model` must be a known name, a run folder, a .keras file or the URL of one",
            model=model, fix=nearest(model, names)))
    existing(path, model=str(model))
    raise ValueError(explain(
        "a run folder must hold `best.keras` or `model.keras`", model=str(model),
        holds=sorted(each.name for each in path.iterdir())[:10],
        fix="pass the folder of a finished run"))


def shipped() -> dict[str, dict[str, dict]]:
    """Returns the trained models that come with the project, as `list_shipped` lists them.

    A model that lies in the checkout and is not listed yet has no files.
    """
    known = json.loads(LISTING.read_text(encoding="utf-8"))["models"]
    return {file.parent.name: {} for file in FOLDER.glob(f"*/{WEIGHTS}")} | known


def _downloaded(name, files):
    base = os.environ.get("KERAS_SEQATTN_MODELS") or json.loads(
        LISTING.read_text(encoding="utf-8"))["base"]
    for file, expected in files.items():
        fetch(f"{base.rstrip('/')}/{name}/{file}", cache() / name / file, expected["sha256"])
    return cache() / name / WEIGHTS
