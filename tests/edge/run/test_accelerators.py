"""`keras_seqattn.edge.run.accelerators`: which Vulkan driver a process is told to use."""

import ctypes.util

import pytest

from keras_seqattn.edge.run import accelerators
from keras_seqattn.testing import check_error


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with nothing; returns a function that puts SwiftShader beside a browser."""
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    monkeypatch.setattr(accelerators, "FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(accelerators, "BROWSERS", ())
    monkeypatch.setattr(accelerators, "CARDS", (str(tmp_path / "card*"),))
    for name in accelerators.CHOSEN:
        monkeypatch.delenv(name, raising=False)

    def install(*names):
        for name in names:
            (tmp_path / name).touch()
        return tmp_path

    return install


def test_a_machine_without_a_driver_is_told_in_one_line(machine):
    check_error(accelerators.driver, loader=None, swiftshader=None)
    machine(accelerators.LOADER)  # a loader alone drives nothing
    check_error(accelerators.driver, loader=None, swiftshader=None)


def test_swiftshader_of_a_browser_is_found_with_its_loader(machine):
    folder = machine(accelerators.LOADER, accelerators.MANIFEST)
    found = accelerators.driver()
    assert found.loader == str(folder / accelerators.LOADER)
    assert set(found.environment.values()) == {str(folder / accelerators.MANIFEST)}


def test_a_card_comes_before_swiftshader_and_the_environment_before_both(machine, monkeypatch):
    machine(accelerators.LOADER, accelerators.MANIFEST, "card0")
    assert accelerators.driver().manifest  # a card without a loader is none
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: "libvulkan.so.1")
    assert accelerators.driver() == ("libvulkan.so.1", None)
    monkeypatch.setattr(accelerators, "CARDS", ())
    assert accelerators.driver().manifest
    monkeypatch.setenv("VK_ICD_FILENAMES", "mine.json")
    assert accelerators.driver() == ("libvulkan.so.1", None)
