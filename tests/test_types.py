"""Whatever the package offers carries type hints; `make lint` checks that they are right."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "keras_seqattn"


def _public(body):
    """Functions and methods that a user may call, those of public classes included."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public(node.body)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (
                not node.name.startswith("_") or node.name in ("__init__", "__call__")):
            yield node


def _without_hints(text):
    for node in _public(ast.parse(text).body):
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        given += [each for each in (node.args.vararg, node.args.kwarg) if each]
        missing = [each.arg for each in given
                   if each.annotation is None and each.arg not in ("self", "cls")]
        missing += ["return"] if node.returns is None and node.name != "__init__" else []
        if missing:
            yield f"{node.name}: {', '.join(missing)}"


def test_what_lacks_a_hint_is_found():
    text = ("class A:\n    def __init__(self, a: int): ...\n    def b(self, *c) -> int: ...\n"
            "    def _d(self, e): ...\ndef f(g: int): ...\nclass _H:\n    def i(self, j): ...\n")
    assert list(_without_hints(text)) == ["b: c", "f: return"]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")),
                         ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_public_functions_have_hints(path):
    assert list(_without_hints(path.read_text(encoding="utf-8"))) == []
