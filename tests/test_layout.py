"""The plan of the house: what lies where."""

import ast
import importlib
import importlib.util
import pathlib
import pkgutil

import pytest

import keras_seqattn

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "keras_seqattn"
# Every file is one idea, and every function fits on a screen, its docstring apart. There are no
# exceptions: what grows beyond holds two ideas.
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 250, 60
# Test files that hold no module: the house as a whole, and what several modules do together.
OF_THE_HOUSE = {"test_layout.py", "test_readme.py", "test_sentences.py", "test_types.py",
                "test_killed.py", "test_mediapipe.py", "test_temporal.py", "test_web.py",
                "test_hub_backbones.py", "test_keras_applications.py", "test_android.py",
                "test_settings.py"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_importable_code_is_in_the_package_only():
    assert not list((ROOT / "models").rglob("*.py"))
    assert not list((ROOT / "tflite").rglob("__init__.py"))
    assert not list(ROOT.glob("*/__init__.py")) or [
        path.parent.name for path in ROOT.glob("*/__init__.py")] == ["keras_seqattn"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_files_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""')
    assert len(text.splitlines()) <= LINES_OF_A_FILE
    assert {name: lines for name, lines in _functions(text) if lines > LINES_OF_A_FUNCTION} == {}


def _functions(text):
    """Name and lines of each function, without those of its docstring."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0]
            documented = ast.get_docstring(node) is not None
            lines = first.end_lineno - first.lineno + 1 if documented else 0
            yield node.name, node.end_lineno - node.lineno + 1 - lines


def test_lines_of_a_function_are_counted_without_its_docstring():
    assert dict(_functions('def a():\n    """b\n\n    c."""\n    d\n    e\n')) == {"a": 3}


def test_no_module_is_hidden_by_what_bears_its_name():
    """`package.module` is the module, after everything has been imported."""
    names = [each.name for each in pkgutil.walk_packages(
        keras_seqattn.__path__, "keras_seqattn.") if not each.name.endswith("__main__")]
    if not importlib.util.find_spec("jax"):
        names = [name for name in names if name not in (
            "keras_seqattn.kernels.attention", "keras_seqattn.kernels.whole_rows")]
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
                or module.stem == module.parent.name or path.name in OF_THE_HOUSE), path
