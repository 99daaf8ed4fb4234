"""`keras_seqattn.edge.formats`: one row per format, and nobody else who knows a suffix."""

import importlib.util
import inspect
import pathlib
import subprocess
import sys

import pytest

from keras_seqattn.edge import formats, precisions
from keras_seqattn.testing import check_error

PACKAGE = pathlib.Path(formats.__file__).parents[1]


@pytest.mark.parametrize("name", ["vit", "a.b/vit", "vit.int8"])
@pytest.mark.parametrize("suffix", formats.FORMATS)
def test_a_path_has_the_format_of_its_suffix(name, suffix):
    assert formats.of(f"{name}{suffix}") is formats.FORMATS[suffix]
    assert formats.of(pathlib.Path(f"{name}{suffix}")) is formats.FORMATS[suffix]
    assert formats.of(f"{name}{suffix}{formats.REJECTED}") is formats.FORMATS[suffix]


@pytest.mark.parametrize("path", ["vit.tfilte", "vit", "vit.tflite/model", ".onnx", "x.rejected"])
def test_an_unknown_suffix_is_told_with_those_that_are_known(path):
    check_error(lambda: formats.of(path), file=path)
    with pytest.raises(ValueError, match=r"'\.onnx', '\.tflite'"):
        formats.of(path)


def test_a_suffix_is_its_rows():
    assert {suffix: row.suffix for suffix, row in formats.FORMATS.items()} == {
        suffix: suffix for suffix in formats.FORMATS}


@pytest.mark.parametrize("row", formats.FORMATS.values(), ids=formats.FORMATS)
def test_a_row_names_what_there_is(row):
    source = pathlib.Path(importlib.util.find_spec(row.converter).origin).read_text()
    assert "def convert(" in source
    assert set(row.precisions) <= set(precisions.ALL_PRECISIONS)
    assert list(inspect.signature(row.session).parameters)[:2] == ["file", "threads"]
    assert ("signature" in inspect.signature(row.session).parameters) == row.writes


def test_importing_edge_is_light():
    code = ("import sys, keras_seqattn.edge; "
            "print({'keras', 'tensorflow', 'jax', 'torch', 'onnx', 'onnxruntime', 'tf2onnx', "
            "'ai_edge_litert', 'flatbuffers', 'PIL'} & set(sys.modules))")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            cwd=PACKAGE.parent, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, "set()"), result.stderr
