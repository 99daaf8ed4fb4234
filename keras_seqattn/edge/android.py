"""Where an Android module takes its models from: `src/main/assets/models`."""

import json
import os
import pathlib
import typing

from keras_seqattn.edge.contract import classes
from keras_seqattn.edge.contract.contract import beside
from keras_seqattn.errors import explain
from keras_seqattn.files import whole

MODELS = pathlib.Path("src", "main", "assets", "models")
BUILDS = ("build.gradle.kts", "build.gradle")


def place(module: os.PathLike | str, model: str) -> pathlib.Path:
    """Finds where a model's file goes, and makes the folder.

    Args:
        module: Folder of an Android module, which has a `build.gradle.kts`.
        model: Name of the model, or path of its folder or `.keras` file.

    Returns:
        Such as `app/src/main/assets/models/vit_eurosat.tflite`.

    Raises:
        ValueError: the folder is no Android module.
    """
    module = pathlib.Path(module)
    if not any((module / each).is_file() for each in BUILDS):
        raise ValueError(explain(
            "`--android` must be the folder of an Android module", android=str(module),
            fix=f"name the one with {BUILDS[0]}, such as app"))
    (module / MODELS).mkdir(parents=True, exist_ok=True)
    name = pathlib.Path(model).resolve().name.removesuffix(".keras")
    return module / MODELS / f"{name}.tflite"


def write_labels(file: os.PathLike | str) -> pathlib.Path | None:
    """Writes the labels of an exported file beside it, one in a line, as `NAME.txt`.

    Args:
        file: The file, with its contract beside it.

    Returns:
        Path of the text; `None` of a file without labels, which then has none beside it.
    """
    contract: dict[str, typing.Any] = json.loads(beside(file).read_text(encoding="utf-8"))
    labels = (classes.answer(contract["outputs"]) or {}).get("labels")
    path = pathlib.Path(file).with_suffix(".txt")
    if not labels:
        path.unlink(missing_ok=True)
        return None
    with whole(path) as temporary:
        temporary.write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    return path
