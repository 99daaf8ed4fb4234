"""What a training leaves in its run folder beside the states."""

import collections.abc
import csv
import difflib
import importlib.util
import json
import os
import platform
import tempfile
import typing
from pathlib import Path

import numpy as np
import yaml

import keras_seqattn
from keras_seqattn.files import whole

CARD = "card.toml"
History: typing.TypeAlias = collections.abc.Mapping[str, collections.abc.Sequence[float]]

if typing.TYPE_CHECKING:
    import keras
    import matplotlib.figure
    import pydantic


def save_model(model: "keras.Model", path: os.PathLike | str) -> None:
    """Writes a model without its optimizer, as any project can load it.

    Products of LoRA are added to the kernels they belong to, and nothing in it is frozen.

    Args:
        model: `keras.Model`.
        path: `.keras` file.
    """
    with whole(path) as temporary, tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "all.weights.h5"
        config = model.get_config()
        for layer in config.get("layers", ()):
            layer["config"].pop("trainable", None)
        bare = type(model).from_config(config)
        model.save_weights(weights)
        bare.load_weights(weights)
        bare.save(temporary)


def write_recipe(recipe: "pydantic.BaseModel", out: Path) -> None:
    """Writes `recipe.yaml`, with every field."""
    with whole(out / "recipe.yaml") as path:
        path.write_text(text_of(recipe), encoding="utf-8")


def text_of(recipe: "pydantic.BaseModel") -> str:
    """Returns the recipe as YAML, with every field."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)


def diff(recipe: "pydantic.BaseModel", out: Path) -> list[str]:
    """Returns the lines in which a recipe differs from the one of a run folder, if that has one."""
    path = out / "recipe.yaml"
    if not path.is_file():
        return []
    stored = path.read_text(encoding="utf-8")
    lines = difflib.unified_diff(
        stored.splitlines(), text_of(recipe).splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def write_log(history: History, out: Path) -> None:
    """Writes `log.csv`, a row per epoch."""
    with whole(out / "log.csv") as path, open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        writer.writerows([epoch, *values] for epoch, values in
                         enumerate(zip(*history.values(), strict=True), start=1))


def write_curves(history: History, out: Path) -> None:
    """Draws the curves as `curves.png`, where Matplotlib is installed."""
    if importlib.util.find_spec("matplotlib"):
        with whole(out / "curves.png") as path:
            curves(history).savefig(path, dpi=120)


def curves(history: History) -> "matplotlib.figure.Figure":
    """Draws loss and accuracy over the epochs, for training and validation."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for curve, label in ((name, "training"), (f"val_{name}", "validation")):
            if curve in history:
                epochs = np.arange(1, len(history[curve]) + 1)
                axes.plot(epochs, history[curve], marker=".", label=label)
        axes.set(xlabel="epoch", ylabel=name)
        axes.legend()
        axes.grid(alpha=0.3)
    return figure


def versions() -> dict[str, str]:
    """Returns the versions of what the numbers depend on, by its name."""
    import keras

    backend = keras.backend.backend()
    found = {"python": platform.python_version(), "keras_seqattn": keras_seqattn.__version__,
             "keras": keras.__version__, "numpy": np.__version__}
    module = __import__(backend)
    return {**found, backend: module.__version__}


def write_card(out: Path, **sections: collections.abc.Mapping[str, typing.Any]) -> None:
    """Writes `card.toml`: what was trained on what, and with which result.

    Args:
        out: Folder.
        **sections: Name of a table to a dictionary of numbers, texts and lists of them.
    """
    lines = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        lines.append("")
    with whole(out / CARD) as path:
        path.write_text("\n".join(lines), encoding="utf-8")
