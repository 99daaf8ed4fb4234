"""`keras_seqattn.cli.given`: each check lets the right pass and names what is wrong."""

import pathlib

import pytest

from keras_seqattn.cli import given
from keras_seqattn.data import captions, pairs, sources
from keras_seqattn.edge.formats import FORMATS
from keras_seqattn.training.devices import strategy
from keras_seqattn.training.recipe import reading


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a model, an exported file, a picture and a file of pairs."""
    monkeypatch.chdir(tmp_path)
    for name in ("m.keras", "m.tflite", "a.png", "pairs.tsv", "m.safetensors", "r.yaml"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "pictures").mkdir()
    return tmp_path


@pytest.mark.parametrize(("check", "value"), [
    (given.keras_model, "vit_eurosat"), (given.keras_model, "m.keras"),
    (given.keras_model, "https://example.org/m.keras"), (given.model, "m.tflite"),
    (given.model, "m.keras"), (given.exported, "m.tflite"), (given.picture, "a.png"),
    (given.checkpoint, "m.safetensors"), (given.checkpoint, "vit_eurosat"),
    (given.source, "sample:eurosat"), (given.source, "folder:pictures"),
    (given.source, "pairs:pairs.tsv"), (given.source, "tfds:cifar10"), (given.source, None),
    (given.recipe, "demo"), (given.recipe, "r.yaml"), (given.split, "train+validation"),
    (given.one_of("--x", "a", "b"), "b")])
def test_what_is_there_passes(here, check, value):
    assert check(value) == value


@pytest.mark.parametrize(("check", "value", "said"), [
    (given.keras_model, "vit_eurosa", "mean 'vit_eurosat'"),
    (given.keras_model, "n.keras", "mean 'm.keras'"),
    (given.keras_model, "m.tflite", "not an exported file"),
    (given.keras_model, "m.safetensors", "seqattn convert"),
    (given.keras_model, "pictures", "must hold `best.keras`"),
    (given.model, "n.tflite", "mean 'm.tflite'"), (given.exported, "m.keras", "seqattn export m"),
    (given.exported, "vit_eurosat", "seqattn export vit_eurosat"),
    (given.exported, "m.tfl", r"ends in .tflite or .onnx"),
    (given.picture, "b.png", "mean 'a.png'"), (given.picture, "pictures", r"pictures/\*.png"),
    (given.checkpoint, "n.safetensors", "mean 'm.safetensors'"),
    (given.source, "smaple:eurosat", "mean 'sample'"), (given.source, "pictures", "folder:pict"),
    (given.source, "pairs.tsv", "pairs:pairs.tsv"), (given.source, "sample:", "sample:eurosat"),
    (given.source, "sample:erosat", "mean 'eurosat'"),
    (given.source, "folder:picture", "mean 'pictures'"), (given.source, "pack:pictures", "folder:"),
    (given.source, "folder:a.png", "pack:a.png"), (given.split, "train+tset", "mean 'test'"),
    (given.recipe, "dmeo", "mean 'demo'"), (given.recipe, "q.yaml", "mean 'r.yaml'"),
    (given.recipe, "pictures", "known name or a YAML file"),
    (given.one_of("--x-y", "alpha"), "alpa", "x_y='alpa'.*mean 'alpha'")])
def test_what_is_not_there_is_told(here, check, value, said):
    with pytest.raises(ValueError, match=said):
        check(value)


@pytest.mark.parametrize(("data", "split", "said"), [
    ("sample:eurosat", "train+test", None), ("sample:eurosat", "validation", "mean 'train'|'test'"),
    ("pack:a.npz", "validation", "use one of|mean"), ("pack:set/a.npz", "styles", None),
    ("folder:pictures", "train", None), ("folder:pictures", "test", "the folder pictures/test"),
    ("folder:set", "train", "PATH/SPLIT/CLASS"), ("pairs:pairs.tsv", "validation", None),
    ("tfds:cifar10", "validation", None), ("tfds:my_own", "validation", None)])
def test_data_without_the_split(here, data, split, said):
    (here / "pictures" / "train").mkdir()
    (here / "set").mkdir()
    (here / "set" / "captions.tsv").touch()
    if said is None:
        given.check_split(data, split)
    else:
        with pytest.raises(ValueError, match=said):
            given.check_split(data, split)


def test_folders_that_can_be_made(here):
    for path in (None, here, pathlib.Path("new/run"), here / "pictures"):
        assert given.folder(path) == path
    for path in (here / "a.png", pathlib.Path("a.png/run")):
        with pytest.raises(ValueError, match="another folder"):
            given.folder(path)


def test_a_file_that_can_be_written(here):
    check = given.output("--out", [".png"])
    assert check(None) is None
    assert check(pathlib.Path("new/x.png")) == pathlib.Path("new/x.png")
    assert given.output("--report")(pathlib.Path("x.any")) == pathlib.Path("x.any")
    for path, said in (("x.pdf", "as in x.png"), ("a.png/x.png", "must lie in a folder")):
        with pytest.raises(ValueError, match=said):
            check(pathlib.Path(path))
    (here / "f.png").mkdir()
    with pytest.raises(ValueError, match="must not be a folder"):
        check(pathlib.Path("f.png"))


def test_the_names_are_those_of_the_library():
    known = {*sources._SCHEMES, *captions._SCHEMES, *pairs._SCHEMES}
    assert set(given.SOURCES) == known
    assert set(given.EXPORTED) == set(FORMATS)
    assert given.RECIPES == reading.FOLDER
    assert set(given.SPLITS) == {*sources.SPLITS, captions.STYLES}
    assert set(given.IN_FOLDERS) == set(sources.SPLITS)
    assert set(given.STRATEGIES) == set(strategy.STRATEGIES)
