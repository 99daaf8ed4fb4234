"""Trained models by name, run folder, file or URL."""

import os
import re
import zipfile

import keras

from keras_seqattn.data import text
from keras_seqattn.data.tokenizer import Tokenizer
from keras_seqattn.download import check
from keras_seqattn.errors import explain
from keras_seqattn.trained import LABELS, TOKENIZER, beside, locate

UNKNOWN = re.compile(r"Could not locate (?:class|function) '([^']+)'")


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
    if not zipfile.is_zipfile(file):
        raise ValueError(explain(
            "`model` must be a .keras file, which is a ZIP archive", model=str(model),
            bytes=file.stat().st_size, fix="save it again with model.save"))
    try:
        return keras.saving.load_model(file, compile=False)
    except Exception as error:  # Keras raises whatever its ZIP, JSON and HDF5 readers raise.
        raise ValueError(_unreadable(model, " ".join(str(error).split()))) from error


def _unreadable(model, said):
    """The text of the error about a file that Keras cannot read."""
    unknown = UNKNOWN.search(said)
    if unknown:
        return explain(
            "each class in the model must be registered with Keras, or Keras' own",
            model=str(model), unknown=unknown[1],
            fix="in Python import the module with the class, and load the model there")
    if "Lambda" in said and "safe" in said:
        return explain(
            "the model must not hold Python code, and a Lambda layer is such", model=str(model),
            fix="write the layer as a registered class; or in Python, of a file that you trust, "
                "keras.models.load_model(FILE, safe_mode=False)")
    return explain("`model` must be a .keras file that Keras can read", model=str(model),
                   error=said[:200], fix="save it again")


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
    path = beside(model, LABELS)
    return None if path is None else text.lines(text.read(path))


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
    path = beside(model, TOKENIZER)
    return None if path is None else Tokenizer.from_json(text.read(path))
