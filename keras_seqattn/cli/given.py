"""What the command line names. It is checked before any library that takes seconds is imported."""

import pathlib
from collections.abc import Callable, Collection, Iterable
from typing import Annotated

import typer

from keras_seqattn import trained
from keras_seqattn.download import is_url
from keras_seqattn.errors import explain, nearest
from keras_seqattn.files import existing, is_path

# Kinds of sources, and what stands after the colon: a name, or the path of a file or a folder.
SOURCES = {"sample": "name", "tfds": "name", "folder": "folder", "pack": "file", "pairs": "file",
           "cmudict": "file", "coco": "folder", "flickr30k": "folder", "flickr8k": "folder"}
SPLITS = ("train", "validation", "test", "styles")
IN_FOLDERS = SPLITS[:3]
STRATEGIES = ("auto", "none", "mirrored", "multiworker", "tpu")
RECIPES = pathlib.Path(__file__).parents[1] / "training" / "recipe" / "recipes"
EXPORTED = (".tflite", ".onnx")


def one_of(option: str, *known: str) -> Callable[[str | None], str | None]:
    """A check that an option has one of the values that are known."""
    def check(value: str | None) -> str | None:
        if value is not None and value not in known:
            name = option.strip("-").replace("-", "_")
            raise ValueError(explain(f"`{option}` is not known", fix=nearest(value, known),
                                     **{name: value}))
        return value

    return check


def keras_model(name: str) -> str:
    """Checks that a Keras model is there, by name, run folder or file; a URL is not asked."""
    if name.endswith(EXPORTED):
        raise ValueError(explain("the command takes a Keras model, not an exported file",
                                 model=name, fix="pass what the file was exported from"))
    if not is_url(name):
        path = trained.locate(name)
        if path.suffix != ".keras":
            raise ValueError(explain(
                "the command takes a .keras file", model=name,
                fix="make one of a checkpoint: seqattn convert IN OUT.keras"))
    return name


def checkpoint(name: str) -> str:
    """Checks that another project's checkpoint, or a model of this one, is there."""
    if not (is_url(name) or pathlib.Path(name).exists()):
        trained.locate(name)
    return name


def model(name: str) -> str:
    """Checks that a Keras model or an exported file is there."""
    return str(existing(name, model=name)) if name.endswith(EXPORTED) else keras_model(name)


def exported(file: str) -> str:
    """Checks that an exported file is there."""
    if not file.endswith(EXPORTED):
        known = not is_path(file) or pathlib.Path(file).is_dir() or file.endswith(".keras")
        raise ValueError(explain(
            "the command runs exported files", file=file,
            fix=f"export it first: seqattn export {file} --out FILE.tflite" if known
            else f"pass a file that ends in {' or '.join(EXPORTED)}"))
    return str(existing(file, file=file))


def every(check: Callable[[str], str]) -> Callable[[Iterable[str] | None], list[str] | None]:
    """A check of each of several."""
    return lambda values: None if values is None else [check(each) for each in values]


def picture(file: str) -> str:
    """Checks that a picture file is there."""
    if existing(file, image=file).is_dir():
        raise ValueError(explain("a picture must be a file, not a folder", image=file,
                                 fix=f"pass the files in it, such as {file.rstrip('/')}/*.png"))
    return file


def source(text: str | None) -> str | None:
    """Checks that data are of a known kind, and that their path is there."""
    if text is not None:
        check_source(text, "--data")
    return text


def check_source(text: str, what: str) -> None:
    """Checks data as `source` does.

    Args:
        text: KIND:NAME.
        what: What errors call the data.

    Raises:
        ValueError: the kind is not known, or the path is not there.
    """
    kind, _, name = text.partition(":")
    if kind not in SOURCES or not name:
        raise ValueError(explain(f"`{what}` must be KIND:NAME with a known kind", data=text,
                                 fix=_likelier(text, kind)))
    if kind == "sample":
        from keras_seqattn.data.sources import sample

        sample(name)
    elif SOURCES[kind] != "name":
        path = existing(name, data=text)
        if path.is_dir() != (SOURCES[kind] == "folder"):
            raise ValueError(explain(f"`{kind}:` names a {SOURCES[kind]}", data=text,
                                     fix=_likelier(name, kind)))


def _likelier(text: str, kind: str) -> str:
    """The remedy for data of an unknown kind, or whose path is of another kind."""
    path = pathlib.Path(text)
    if path.is_dir():
        return f"pass folder:{text}"
    if path.is_file():
        return f"pass pack:{text} for pictures, or pairs:{text} for translations"
    return f"{nearest(kind, SOURCES)}, as in sample:eurosat or folder:PATH"


def recipe(name: str) -> str:
    """Checks that a recipe is there, by its name or as a file."""
    path = pathlib.Path(name)
    known = {each.stem for each in RECIPES.glob("*.yaml")}
    if name not in known and is_path(name):
        existing(path, recipe=name)
    if name not in known and not path.is_file():
        raise ValueError(explain("`recipe` must be a known name or a YAML file", recipe=name,
                                 fix=nearest(name, known)))
    return name


def split(text: str) -> str:
    """Checks the name of a split, or of several joined by `+`."""
    for part in text.split("+"):
        one_of("--split", *SPLITS)(part)
    return text


def check_split(data: str, text: str) -> None:
    """Checks that data have a split, or several joined by `+`, as far as names alone tell.

    Args:
        data: KIND:NAME that is there.
        text: The split.

    Raises:
        ValueError: the data have no such split.
    """
    kind, _, name = data.partition(":")
    known = _splits(kind, name)
    missing = [part for part in text.split("+") if part not in known]
    if missing:
        remedy = nearest(missing[0], known) if known else "put pictures into PATH/SPLIT/CLASS/"
        if kind == "folder" and missing[0] not in known:
            remedy += f", or make the folder {pathlib.Path(name, missing[0])}"
        raise ValueError(explain("the data must have the split", data=data, split=missing[0],
                                 fix=remedy))


def _splits(kind: str, name: str) -> tuple[str, ...]:
    """The splits that data have, or may have where only reading them would tell."""
    if kind == "folder":
        return tuple(part for part in IN_FOLDERS if pathlib.Path(name, part).is_dir())
    if kind == "pack" and pathlib.Path(name).with_name("captions.tsv").is_file():
        return SPLITS
    if kind in ("sample", "pack"):
        return ("train", "test")
    if kind == "tfds":
        from keras_seqattn.data.catalogue import CATALOGUE

        return tuple(CATALOGUE[name].splits) if name in CATALOGUE else IN_FOLDERS
    return IN_FOLDERS


def folder(path: pathlib.Path | None) -> pathlib.Path | None:
    """Checks that a folder can be made: no file has its name, or that of a folder around it."""
    if path is not None:
        inside = next(each for each in (path, *path.absolute().parents) if each.exists())
        if not inside.is_dir():
            raise ValueError(explain("the output folder must not be a file, nor lie in one",
                                     folder=str(path), file=str(inside), fix="pass another folder"))
    return path


def output(option: str, suffixes: Collection[str] = (),
           ) -> Callable[[pathlib.Path | None], pathlib.Path | None]:
    """A check that a file of some kind can be written; without suffixes one of any kind."""
    def check(path: pathlib.Path | None) -> pathlib.Path | None:
        if path is None:
            return None
        if suffixes and path.suffix not in suffixes:
            raise ValueError(explain(
                f"`{option}` must be a {' or '.join(suffixes)} file", path=str(path),
                fix=f"change the suffix, as in {path.with_suffix(next(iter(suffixes)))}"))
        if path.is_dir():
            raise ValueError(explain("the output file must not be a folder", path=str(path),
                                     fix="pass a file name"))
        inside = next(each for each in path.absolute().parents if each.exists())
        if not inside.is_dir():
            raise ValueError(explain("the output file must lie in a folder", path=str(path),
                                     file=str(inside), fix="pass another path"))
        return path

    return check


def _names(incomplete: str) -> list[str]:
    """What the shell completes; it completes paths itself."""
    return [name for name in trained.shipped() if name.startswith(incomplete)]


KerasModel = Annotated[str, typer.Argument(
    help="Model name, URL, run folder or .keras file.", callback=keras_model,
    autocompletion=_names)]
AnyModel = Annotated[str, typer.Argument(
    help="Model name, URL, run folder, .keras, .tflite or .onnx file.", callback=model,
    autocompletion=_names)]
Exported = Annotated[str, typer.Argument(
    help="The .tflite or .onnx file.", callback=exported)]
Images = Annotated[list[str], typer.Argument(help="Picture files.", callback=every(picture))]
