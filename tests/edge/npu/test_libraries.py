"""`keras_seqattn.edge.npu.libraries`: what is missing, or does not fit, is one line."""

import importlib.metadata
import importlib.util
import os
import platform
import sys

import pytest

from keras_seqattn.edge.npu import libraries
from keras_seqattn.errors import ExportError
from keras_seqattn.testing import check_error


@pytest.fixture
def linux(monkeypatch):
    """An x86-64 Linux with the versions that were tried."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(importlib.metadata, "version", libraries.VERSIONS.__getitem__)


@pytest.fixture
def installed(linux, monkeypatch, tmp_path):
    """Packages that hold all that is asked of them."""
    folders = {name: tmp_path / name for name in ("ai_edge_litert", "onnxruntime_qnn")}
    for path in (folders["ai_edge_litert"] / libraries.COMPILER,
                 folders["ai_edge_litert"] / libraries.PLUGIN / "plugin.so",
                 folders["onnxruntime_qnn"] / libraries.PROCESSOR):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    monkeypatch.setattr(libraries, "_folder", folders.__getitem__)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    return folders


@pytest.mark.parametrize(("system", "machine"), [
    ("darwin", "arm64"), ("win32", "AMD64"), ("linux", "aarch64")])
def test_a_system_that_cannot(monkeypatch, system, machine):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    check_error(libraries.find, ExportError, system=system, machine=machine)


def test_a_package_that_is_missing_and_one_of_another_version(linux, monkeypatch):
    def version(name):
        if name == "onnxruntime-qnn":
            raise importlib.metadata.PackageNotFoundError(name)
        return "2.2.0"

    monkeypatch.setattr(importlib.metadata, "version", version)
    check_error(libraries.find, ExportError, needed=libraries.VERSIONS,
                installed={"ai-edge-litert": "2.2.0", "onnxruntime-qnn": None})


def test_the_folders_of_what_is_installed(installed):
    found = libraries.find()
    litert, qualcomm = installed.values()
    assert found.compiler == litert / libraries.COMPILER
    assert found.folders == (qualcomm, qualcomm.with_name("onnxruntime_qnn.libs"), litert)


def test_a_package_without_its_libraries(installed):
    lost = installed["onnxruntime_qnn"] / libraries.PROCESSOR
    lost.unlink()
    check_error(libraries.find, ExportError, absent=[str(lost)])


def test_a_second_copy_of_the_libraries_on_the_path(installed, monkeypatch, tmp_path):
    other = tmp_path / "sdk"
    other.mkdir()
    (other / libraries.PROCESSOR).write_bytes(b"")
    own = installed["onnxruntime_qnn"]
    monkeypatch.setenv("LD_LIBRARY_PATH", os.pathsep.join([str(own), "", str(tmp_path)]))
    assert libraries.find().qualcomm == own
    monkeypatch.setenv("LD_LIBRARY_PATH", os.pathsep.join([str(own), str(other)]))
    check_error(libraries.find, ExportError, used=str(own), others=[str(other)])


def test_a_second_package_of_the_libraries(installed, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    check_error(libraries.find, ExportError, others=[libraries.OTHER_SDK])
