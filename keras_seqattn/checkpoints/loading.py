"""Any checkpoint as a model: its family is known by its keys."""

import os
import pathlib
import typing
import warnings

import keras

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.arrays import KERAS_INDEX, open_together
from keras_seqattn.checkpoints.files.config import class_names, read_config
from keras_seqattn.checkpoints.files.trees import OPTIMIZER, choose, is_called
from keras_seqattn.checkpoints.sources import SOURCES
from keras_seqattn.checkpoints.weights.filling import Filling
from keras_seqattn.checkpoints.weights.state import Report, State
from keras_seqattn.download import cached, is_url
from keras_seqattn.errors import explain, nearest


def load(path: os.PathLike | str, source: str = "auto", *, image_shape: tuple | None = None,
         num_heads: int | None = None, num_groups: int | None = None,
         interpolation: str | None = None, weights: str | None = None,
         sha256: str | None = None) -> keras.Model:
    """Loads a checkpoint of another project, or what `save` wrote, as a model of this library.

    A warning names arrays that have no place in the model, usual arrays that are missing and
    further weights in the file. It also names what had to be assumed. `load_with_report` returns
    all that instead.

    Args:
        path: One of these:

            - a `.npz` or `.safetensors` file
            - a state that PyTorch saved: `.pth`, `.pt`, `.bin` or `.ckpt`. It needs torch, of
              which only tensors are read.
            - a folder with one such file
            - the `http(s)` URL of a file

            A `config.json` beside the file is read for what no array tells.
        source: Name of the family, a key of `SOURCES`. Without it, the keys tell the family.
        image_shape: `(height, width, channels)` of the images that the model is to take.

            - Learned positions of a ViT are resized to it. `None` for height and width lets the
              ViT take any.
            - It is needed where positions are fixed waves.
            - It is needed where the table of positions fits no square and no configuration tells
              more. It must then be the shape that the table was made for.
            - A BiT and a discrete VAE take images of any size without it.
        num_heads: Number of heads `N` of a ViT. It is needed of PyTorch's files, unless a
            configuration or the width of published models tells it.
        num_groups: Number of groups of the norms of a BiT.
        interpolation: How positions are resized, as in `layers.grid.resize_grid`. Defaults to
            what the project does.
        weights: Name of the weights in a file that holds several, as trainings write it. It is
            such as `"model_ema"` or `"params/img"`, or a word or the last part of that. So
            `"ema"` is the average. Defaults to the average if there is one, or what is called
            usually.
        sha256: Of a URL, the expected hash of the file, 64 hexadecimal digits. Without it the file
            is downloaded anew each time, and is only as trustworthy as its server.

    Returns:
        The model. If the checkpoint tells the names of its classes, they are the attribute
        `labels`, which `save` keeps.

    Raises:
        ValueError: one of these:

            - There is no such file, or it is damaged.
            - Its family is not known, or does not heed an argument.
            - It holds several weights, none of which can be meant.
            - A part of it is not built here.
            - An array is missing or of another shape.
        ConnectionError: the download was cut.
        ImportError: what reads the file is not installed.
    """
    model, report = load_with_report(
        path, source, image_shape=image_shape, num_heads=num_heads, num_groups=num_groups,
        interpolation=interpolation, weights=weights, sha256=sha256)
    told = [f"{len(keys)} {what}: {', '.join(keys[:5])}{', …' if len(keys) > 5 else ''}"
            for what, keys in (("arrays without a place", report.unused),
                               ("usual arrays missing", report.missing),
                               ("further weights, for weights=", report.others)) if keys]
    if report.assumed:
        told.append("no config.json, so assumed: " + ", ".join(
            f"{name}={value!r}" for name, value in report.assumed.items()))
    if told:
        warnings.warn(f"{path}: {'; '.join(told)}", stacklevel=2)
    return model


def load_with_report(path: os.PathLike | str, source: str = "auto", *,
                     image_shape: tuple | None = None, num_heads: int | None = None,
                     num_groups: int | None = None, interpolation: str | None = None,
                     weights: str | None = None,
                     sha256: str | None = None) -> tuple[keras.Model, Report]:
    """Loads as `load` does, without its warning.

    Args:
        path: As for `load`.
        source: As for `load`.
        image_shape: As for `load`.
        num_heads: As for `load`.
        num_groups: As for `load`.
        interpolation: As for `load`.
        weights: As for `load`.
        sha256: As for `load`.

    Returns:
        The model, and the `Report` on what became of the arrays.

    Raises:
        ValueError: as for `load`.
        ConnectionError: as for `load`.
        ImportError: as for `load`.
    """
    if source not in ("auto", *SOURCES):
        raise ValueError(explain("`source` is not known", source=source,
                                 fix=nearest(source, ("auto", *SOURCES))))
    place = pathlib.Path(cached(str(path), sha256) if is_url(path) else path)
    state = _open(place, weights)
    family, state = recognise(state, source, weights)
    given = _heeded(family, image_shape=image_shape, num_heads=num_heads, num_groups=num_groups,
                    interpolation=interpolation)
    folder = place if place.is_dir() else place.parent
    configs = [read_config(folder / name) for name in family.configs]
    with state.ahead(), Filling():
        model = family.load(state, *configs, **given)
    labels = class_names(*configs)
    if labels is not None:
        model.labels = labels
    return model, state.report(family.name, labels or list(getattr(model, "labels", [])) or None)


def _open(path: pathlib.Path, weights: str | None) -> State:
    """The arrays of a file, or of the file or files of a family in a folder."""
    for family in SOURCES.values():
        files = [_or_index(path / name) for name in family.files]
        if files and all(file.is_file() for file in files):
            return State(open_together(files))
    return State(path, weights)


def _or_index(file: pathlib.Path) -> pathlib.Path:
    """A file of Keras' weights, or the index of several in its place."""
    index = file.with_suffix(".json")
    return index if index.name.endswith(KERAS_INDEX) and not file.is_file() else file


def recognise(state: State, source: str = "auto",
              weights: str | None = None) -> tuple[Family, State]:
    """Returns the family of a checkpoint, and the arrays under the keys of that family.

    Args:
        state: `State` of its arrays.
        source: Name of the family, or `"auto"`.
        weights: Name of the weights in a file that holds several.

    Raises:
        ValueError: it is of none of the families. Or none of several weights can be meant.
    """
    if weights is not None and is_called(state.tree, weights):
        weights = None
    families = list(SOURCES.values()) if source == "auto" else [SOURCES[source]]
    found = [(family, [each for each in family.prefixes(state) if not OPTIMIZER.match(each)])
             for family in families]
    if weights is None:
        for family, prefixes in found:
            if "" in prefixes:
                return family, state
    for family, prefixes in found:
        if prefixes:
            return family, _part(state, prefixes, weights)
    if source != "auto":
        return families[0], state
    keys = sorted(state)
    raise ValueError(explain(
        "the format of the checkpoint must be known by its keys", keys=keys[:5],
        number_of_arrays=len(keys), looked_for={
            family.name: " and ".join(family.keys) for family in families if family.keys},
        fix="pass a checkpoint of these projects; for modules of PyTorch see checkpoints.torch"))


def _part(state: State, prefixes: list[str], weights: str | None) -> State:
    """The arrays under one of these prefixes. The others are noted."""
    names = {prefix.rstrip("./"): prefix for prefix in prefixes}
    name = choose(names, weights) if len(names) > 1 or weights else next(iter(names))
    state.others += [each for each in names if each != name]
    return state.under(names[name])


def _heeded(family: Family, **arguments: typing.Any) -> dict[str, typing.Any]:
    """The arguments that were given, each of which the family must heed."""
    given = {name: value for name, value in arguments.items() if value is not None}
    foreign = {name: value for name, value in given.items() if name not in family.takes}
    if foreign:
        raise ValueError(explain(
            f"a checkpoint of {family.name} does not heed these arguments", **foreign,
            fix="leave them out"))
    return given
