"""`keras_seqattn.cli.extras`: a library that is not installed is one line."""

import configparser
import pathlib
import sys

import pytest

from keras_seqattn.cli import extras

CONFIG = pathlib.Path(__file__).parents[2] / "setup.cfg"


class _Missing:
    """Keeps libraries from being found."""

    def __init__(self, *names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def without(monkeypatch):
    """Function that takes libraries from this process, as if they were not installed."""
    def take(*names):
        for loaded in list(sys.modules):
            if loaded.partition(".")[0] in names:
                monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setattr(sys, "meta_path", [_Missing(*names), *sys.meta_path])

    return take


@pytest.mark.filterwarnings("default:a picture stored as L")
@pytest.mark.parametrize(("library", "arguments"), [
    ("matplotlib", ["inspect", "{folder}", "{folder}/grey.png", "--out", "x.png"]),
    ("ai_edge_litert", ["classify", "{folder}/model.tflite", "{folder}/grey.png"]),
    ("PIL", ["classify", "{folder}/model.tflite", "{folder}/grey.png"])])
def test_a_command_names_what_brings_it(folder, seqattn, without, tmp_path, monkeypatch, library,
                                        arguments):
    monkeypatch.chdir(tmp_path)
    without(library)
    code, out, err = seqattn(*(each.format(folder=folder) for each in arguments))
    assert (code, out) == (2, "")
    line, = [each for each in err.splitlines() if each.startswith("seqattn: ")]
    assert f"missing='{library}'" in line
    assert f"pip install 'keras_seqattn[{extras.extras()[library]}]'" in line


@pytest.mark.parametrize("backend", extras.BACKENDS)
def test_a_backend_may_be_another(backend):
    said = extras.needed(ModuleNotFoundError(f"No module named '{backend}'", name=backend))
    assert f"missing='{backend}'" in said
    assert "KERAS_BACKEND" in said


def test_the_cause_counts_too():
    error = RuntimeError("no recipe")
    error.__cause__ = ModuleNotFoundError("No module named 'yaml'", name="yaml.reader")
    assert "pip install 'keras_seqattn[train]'" in extras.needed(error)


def test_an_error_may_be_its_own_context():
    error, other = ValueError("x"), RuntimeError("y")
    error.__context__, other.__cause__ = other, error
    assert extras.needed(error) is None


@pytest.mark.parametrize("error", [
    ValueError("x"), ModuleNotFoundError("No module named 'own'", name="own"), ImportError("y")])
def test_of_other_errors_nothing_is_said(error):
    assert extras.needed(error) is None


def test_every_library_of_an_extra_is_known():
    config = configparser.ConfigParser()
    config.read(CONFIG)
    listed = config["options.extras_require"]
    for library, name in (("pydantic", "train"), ("matplotlib", "figures"), ("typer", "cli"),
                          ("tokenizers", "text"), ("safetensors", "checkpoints")):
        assert library in listed[name]
        assert extras.extras()[library] == name
    assert extras.extras()["PIL"] in ("run", "cli")
