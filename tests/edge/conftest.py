"""Converters run in the process of the tests, which saves each the seconds of importing TensorFlow.

A test that is about the process of its own asks for the fixture `own_process`.
"""

import importlib
import subprocess
import traceback
import warnings

import pytest

from keras_seqattn.edge.tflite.converter import process

RUN = process.run


def _run_here(module, *arguments):
    try:
        with warnings.catch_warnings():  # what converters say of themselves, nobody reads there
            warnings.simplefilter("ignore")
            importlib.import_module(module).convert(*map(str, arguments))
    except Exception:
        return subprocess.CompletedProcess([module], 1, "", traceback.format_exc())
    return subprocess.CompletedProcess([module], 0, "", "")


@pytest.fixture(autouse=True, scope="session")
def _converters_run_here():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "run", _run_here)
        yield


@pytest.fixture
def own_process(monkeypatch):
    monkeypatch.setattr(process, "run", RUN)
