"""The plan of the house: what lies where."""

import importlib
import pathlib
import pkgutil

import pytest

import keras_seqattn

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "keras_seqattn"
# Every file is one idea; the longest are listed here, so that growth is seen in review.
LONGEST = {"layers/multi_head.py": 371, "layers/attention.py": 255, "edge/lower/lowering.py": 320,
           "edge/onnx/convert.py": 260, "edge/tflite/quantize/quantize.py": 295}
USUAL = 250


def test_importable_code_is_in_the_package_only():
    assert not list((ROOT / "models").rglob("*.py"))
    assert not list((ROOT / "tflite").rglob("*.py"))
    assert not list(ROOT.glob("*/__init__.py")) or [
        path.parent.name for path in ROOT.glob("*/__init__.py")] == ["keras_seqattn"]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_files_are_short_and_begin_with_what_they_are(path):
    text = path.read_text(encoding="utf-8")
    limit = LONGEST.get(path.relative_to(PACKAGE).as_posix(), USUAL)
    assert len(text.splitlines()) <= limit
    assert text.startswith('"""')


def test_no_module_is_hidden_by_what_bears_its_name():
    """`package.module` is the module, after everything has been imported."""
    names = [each.name for each in pkgutil.walk_packages(
        keras_seqattn.__path__, "keras_seqattn.") if not each.name.endswith("__main__")]
    modules = {name: importlib.import_module(name) for name in names}
    hidden = [name for name in names if "." in name.removeprefix("keras_seqattn.") and getattr(
        modules[name.rpartition(".")[0]], name.rpartition(".")[2], None) is not modules[name]]
    assert hidden == []


def test_tests_mirror_the_package():
    """A test file carries the name of the module, or of the package, that it holds."""
    tests = ROOT / "tests"
    for path in tests.rglob("test_*.py"):
        module = PACKAGE / path.relative_to(tests).with_name(path.name.removeprefix("test_"))
        assert (module.exists() or module.with_suffix("").is_dir()
                or module.stem == module.parent.name
                or path.name in ("test_layout.py", "test_readme.py", "test_sentences.py",
                                 "test_killed.py", "test_mediapipe.py", "test_temporal.py",
                                 "test_web.py")), path
